"""The whole system on one machine, without Docker: real parts as child processes on loopback."""
