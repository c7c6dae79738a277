"""Notice documents, and the sentences rendered from them."""
