"""The routes of the notary's API, a file for each resource; each has ``add(app, desk)``."""
