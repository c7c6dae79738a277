"""The sealed files of a vault: frame, records, segments, heads, index, book, capsule and update (docs/formats.md)."""
