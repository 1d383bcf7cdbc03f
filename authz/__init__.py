"""authz: the process that approves or blocks each request that Envoy asks about."""
