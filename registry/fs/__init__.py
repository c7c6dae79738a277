"""Durable files, folders and locks."""
