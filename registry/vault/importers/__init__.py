"""Importers: each reads one kind of file, piece by piece, and yields drafts of records, and what it refuses."""
