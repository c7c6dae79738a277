"""The command line ``consent``: parse, call, print. Every rule that it relies on lives in `registry.client`."""
