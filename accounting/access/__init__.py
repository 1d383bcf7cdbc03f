"""The access log: Envoy's word on how each call ended."""
