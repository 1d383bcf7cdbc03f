"""A simulated OpenAI API that logs the truth about what each call consumed."""
