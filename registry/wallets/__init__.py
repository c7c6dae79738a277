"""Adapters to the keys that people sign with. Only this package holds account keys."""
