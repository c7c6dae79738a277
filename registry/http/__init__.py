"""What every HTTP service of ours shares: the app, problems, limits, health, and how it is served."""
