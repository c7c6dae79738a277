"""Databases for services: SQLite files and PostgreSQL, through SQLAlchemy, with migrations by Alembic."""
