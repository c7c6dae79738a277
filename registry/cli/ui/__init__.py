"""Output, prompts, progress, live views and help pages of the command line."""
