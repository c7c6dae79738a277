"""The routes of the brand's two listeners."""
