"""The contracts of Pedagio itself, by version."""
