"""The sealed formats of the personal database."""
