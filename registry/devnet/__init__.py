"""Runs a whole local network for developers: starts the programs, watches them and ends them."""
