"""A whole local network for developers: the programs it is made of, and one that starts and watches them."""
