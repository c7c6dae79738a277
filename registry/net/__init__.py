"""HTTP with a total deadline, and JSON-RPC over HTTP and IPC."""
