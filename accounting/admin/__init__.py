"""The administrator's side of accounting: use cases behind the AdminService."""
