"""Pages in the browser: server-rendered, a gRPC client as the CLI is."""
