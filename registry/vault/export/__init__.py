"""The export (GDPR, article 20): all records in one zip that people and other programs can read."""
