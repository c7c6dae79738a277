"""The brand's store in SQL, for SQLite and PostgreSQL."""
