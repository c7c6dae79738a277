"""Block stores: one protocol (base.py), and an adapter for each kind of store."""
