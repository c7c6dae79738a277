"""Alembic reads this file to run the migrations beside it."""

from registry.db.migrations import run_environment

run_environment()
