"""Reports on decisions: explained, counted, and what enforcement would do."""
