"""Contracts between the processes: protobuf sources with the code generated from them (`make protos`)."""
