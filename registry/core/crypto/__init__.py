"""Hashes, signatures, the vault seed's keys, and revocation locks: thin wrappers around library primitives."""
