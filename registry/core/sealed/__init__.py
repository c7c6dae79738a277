"""The sealed files of the personal database: records, and what holds them."""
