"""Contracts between the processes: protobuf sources, and what `make protos` made of them."""
