"""Consent registry."""
