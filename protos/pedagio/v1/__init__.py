"""Version 1: the AdminService, with the code generated from admin.proto."""
