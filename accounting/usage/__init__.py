"""What was used, asked of the ledger."""
