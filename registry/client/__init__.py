"""The use cases of a person and a brand. The command line and every service call them; rules are applied here."""
