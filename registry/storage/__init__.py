"""Where sealed blocks lie: one protocol (base.py), and an adapter for each kind of store behind it."""
