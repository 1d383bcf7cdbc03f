"""bench: measures the running system and says where it stands against the bars of DESIGN.md 9."""
