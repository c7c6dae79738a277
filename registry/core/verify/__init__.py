"""Verification: a policy, and the pure function that judges evidence by it."""
