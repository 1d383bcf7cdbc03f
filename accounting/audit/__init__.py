"""The auditor: looks whether the books keep every promise, freezes accounts whose books do not."""
