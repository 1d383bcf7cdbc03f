"""Ingest: reports of calls, made durable, then debited exactly once."""
