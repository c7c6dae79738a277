"""Evidence files, and what a file proves by itself."""
