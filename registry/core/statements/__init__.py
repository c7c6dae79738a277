"""EIP-712 statements: their types, and the typed data that wallets sign."""
