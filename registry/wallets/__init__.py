"""Wallets: key files, browsers, JSON-RPC and contract accounts. Only this package holds account keys."""
