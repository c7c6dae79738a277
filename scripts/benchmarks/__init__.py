"""The subjects of `make bench`: one module each, with a ``measure()`` that yields figures."""
