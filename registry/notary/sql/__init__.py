"""The notary's stores in SQL: one part for the intake, one for the chain book, each for SQLite and for PostgreSQL."""
