"""The blind notary: it anchors commitments in batches and relays endings. It sees hashes, and never a statement."""
