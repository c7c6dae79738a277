"""What lies sealed in a person's database: frames, records, segments, heads, index, book, capsules and updates."""
