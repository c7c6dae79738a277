"""Negotiations: their documents, sentences and files, and the pure function that judges whether there is a deal."""
