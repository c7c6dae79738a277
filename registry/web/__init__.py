"""Serves the person's app, which is static, to the browsers on this machine, and tells it which network it is on."""
