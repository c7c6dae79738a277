"""Words, summaries and HTML for people; one source for the command line and every page."""
