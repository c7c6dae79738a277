"""The registry's EIP-712 domain, as another implementation hashes it."""

from __future__ import annotations

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import DOMAIN_FIELDS, domain_of, domain_separator, fields_in, signing_hash
from registry.core.errors import Malformed
from registry.core.scalars import MAX_SAFE_INTEGER, checksum


@given(st.integers(1, MAX_SAFE_INTEGER), st.binary(min_size=20, max_size=20))
def test_the_separator_is_that_of_another_implementation(chain_id: int, registry: bytes) -> None:
    domain = domain_of(chain_id, checksum(registry))
    types = {"EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN_FIELDS], "One": []}
    full = {"types": types, "primaryType": "One", "domain": msgspec.to_builtins(domain), "message": {}}
    signable = encode_typed_data(full_message=full)
    assert domain_separator(domain) == signable.header
    digest = keccak256(b"\x19" + signable.version + signable.header + signable.body)
    assert signing_hash(domain, signable.body) == digest


def test_a_domain_has_a_checksummed_registry() -> None:
    assert domain_of(1, checksum(b"\xc0" * 20)).name == "ConsentRegistry"
    with pytest.raises(Malformed, match="EIP-55"):
        domain_of(1, "0x" + "c0" * 20)


def test_the_fields_of_a_type_are_in_hashing_order() -> None:
    text = "Promise(bytes32[] commitments,uint64 receivedAt,uint64 anchorBy)"
    assert fields_in(text) == (("commitments", "bytes32[]"), ("receivedAt", "uint64"), ("anchorBy", "uint64"))
