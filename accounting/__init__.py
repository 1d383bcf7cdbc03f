"""accounting: the process that records reports, debits, settles, serves administrators."""
