"""The working copy of the vault: one encrypted file that finds and counts records, and that can be made again."""
