"""What Pedagio runs inside LiteLLM: the exact bound before a call, the evidence after it."""
