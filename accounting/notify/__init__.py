"""Tells people, administrators too, what happened."""
