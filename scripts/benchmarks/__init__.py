"""What `make bench` measures: one module a subject, each with ``measure()``, which yields its figures."""
