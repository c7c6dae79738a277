"""Adapters to a chain. Importing this package is cheap: web3 and py-evm load when they are first needed."""
