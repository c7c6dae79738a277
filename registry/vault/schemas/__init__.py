"""Schemas of records: the built-in ones, the person's own, and what they check."""
