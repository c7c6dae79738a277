"""The vault: a person's records, sealed, in streams, and the index that finds them."""
