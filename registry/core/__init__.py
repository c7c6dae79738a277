"""The pure core: statements, digests, proofs, notices, judgement, sealing. No I/O, no web3, no keys of its own."""
