"""The parts of the Kubo store that need no node: pin sets, archives, addresses, credentials."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.ipld.car import car_parts, cbor_head
from registry.core.ipld.cid import MAX_BLOCK_BYTES, RAW, varint
from registry.storage.addresses import Address, Credentials, parse_address
from registry.storage.errors import MAX_QUOTE, quoted, refused
from registry.storage.kubo import KuboBlocks
from registry.storage.pinsets import MAX_ENTRIES, TEXT_PREFIX, cid_text, make_pinset, parse_pinset

pytestmark = pytest.mark.slow

DIGESTS = st.binary(min_size=32, max_size=32)
ENTRIES = st.dictionaries(DIGESTS, st.integers(0, MAX_BLOCK_BYTES), min_size=1, max_size=40)


@given(ENTRIES)
def test_a_pinset_is_read_back(entries: dict[bytes, int]) -> None:
    pinset = make_pinset(entries)
    assert parse_pinset(pinset.data) == pinset
    assert pinset.entries == entries
    assert make_pinset(dict(reversed(entries.items()))) == pinset


@pytest.mark.parametrize("count", [1, 5, 6, 23, 24, 63, 64, 255, 256, 16383, MAX_ENTRIES])
def test_pinsets_of_every_length_of_head(count: int) -> None:
    pinset = make_pinset({hashlib.sha256(b"%d" % n).digest(): n for n in range(min(count, MAX_ENTRIES))})
    assert parse_pinset(pinset.data) == pinset
    assert len(pinset.data) < MAX_BLOCK_BYTES
    assert cid_text(pinset.cid).startswith(TEXT_PREFIX)


@given(ENTRIES, st.data())
def test_no_other_encoding_is_a_pinset(entries: dict[bytes, int], data: st.DataObject) -> None:
    good = make_pinset(entries).data
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[at] ^= data.draw(st.integers(1, 255))
    for bad in (good[:at], good + b"\0", bytes(changed)):
        found = parse_pinset(bad)
        assert found is None or (found.data == bad and found.entries != entries)


@pytest.mark.parametrize("data", [b"", b"\xa0", bytes(100), make_pinset({}).data])
def test_data_that_is_not_a_pinset(data: bytes) -> None:
    assert parse_pinset(data) is None


def test_a_pinset_out_of_order_is_refused() -> None:
    good = make_pinset({bytes([n]) * 32: 1 for n in (1, 2)}).data
    links = [bytes([n]) * 32 for n in (1, 2)]
    swapped = good.replace(links[0], b"?" * 32).replace(links[1], links[0]).replace(b"?" * 32, links[1])
    assert parse_pinset(good) is not None
    assert parse_pinset(swapped) is None


def test_the_bytes_of_a_small_archive() -> None:
    digest = hashlib.sha256(b"one").digest()
    archive = b"".join(car_parts([RAW + digest], [(RAW + digest, b"one")]))
    header = bytes.fromhex("a265726f6f747381d82a582500") + RAW + digest + bytes.fromhex("6776657273696f6e01")
    assert archive == bytes([len(header)]) + header + bytes([36 + 3]) + RAW + digest + b"one"


@pytest.mark.parametrize(
    ("number", "varint_hex", "head_hex"),
    # Varints: multiformats' unsigned-varint page; heads: RFC 8949, appendix A, moved to arrays.
    [
        (1, "01", "81"),
        (23, "17", "97"),
        (24, "18", "9818"),
        (127, "7f", "987f"),
        (128, "8001", "9880"),
        (255, "ff01", "98ff"),
        (300, "ac02", "99012c"),
        (16384, "808001", "994000"),
        (65536, "808004", "9a00010000"),
    ],
)
def test_numbers(number: int, varint_hex: str, head_hex: str) -> None:
    assert varint(number).hex() == varint_hex
    assert cbor_head(4, number).hex() == head_hex


def test_heads_grow_with_their_numbers() -> None:
    heads = [cbor_head(0, number) for number in range(70_000)]
    assert all(low < high for low, high in pairwise(heads))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/ip4/127.0.0.1/tcp/5001", Address("127.0.0.1", 5001, False)),
        ("/ip6/::1/tcp/5001/http", Address("::1", 5001, False)),
        ("/dns4/node.example/tcp/443/https", Address("node.example", 443, True)),
        ("http://127.0.0.1:5001", Address("127.0.0.1", 5001, False)),
        ("https://node.example", Address("node.example", 443, True)),
        ("https://node.example/ipfs-node/", Address("node.example", 443, True, "ipfs-node")),
        ("http://[::1]:5001", Address("::1", 5001, False)),
        ("http://my_node:5001", Address("my_node", 5001, False)),
        ("/dns4/my_node/tcp/5001", Address("my_node", 5001, False)),
        ("/dns4/node.example/tcp/443/tls/http", Address("node.example", 443, True)),
        ("/ip6zone/eth0/ip6/fe80::1/tcp/5001", Address("fe80::1%25eth0", 5001, False)),
        ("http://[fe80::1%25eth0]:5001", Address("fe80::1%25eth0", 5001, False)),
        ("http://[fe80::1%eth0]:5001", Address("fe80::1%25eth0", 5001, False)),
        ("http://127.0.0.1:5001/api/v0", Address("127.0.0.1", 5001, False)),
        ("https://node.example/key/api/v0/", Address("node.example", 443, True, "key")),
        ("https://node.example/myapi/v0", Address("node.example", 443, True, "myapi/v0")),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert parse_address(f"{expected.text}/{expected.path}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:5001",
        "ftp://node.example",
        "http://",
        "http://node.example:0",
        "http://node.example:65536",
        "http://node.example:port",
        "http://node.example?x",
        "http://node.example#x",
        "https://user:hunter2@node.example",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/udp/5001",
        "/ip4/127.0.0.1/tcp/0",
        "/ip4/127.0.0.1/tcp/65536",
        "/unix/run/kubo.sock",
        "/ip4/300.0.0.1/tcp/5001",
        "/ip6/127.0.0.1/tcp/5001",
        "/ip6zone/eth0/ip4/127.0.0.1/tcp/5001",
        "/dns4/node.example/tcp/443/tls",
        "/dns4/node.example/tcp/443/tls/https",
        "http://[::1",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address(text)
    assert "hunter2" not in f"{caught.value} {caught.value.advice}"
    assert caught.value.advice


def test_credentials_do_not_show() -> None:
    for store in (
        KuboBlocks("/ip4/127.0.0.1/tcp/1", basic=("ann", "hunter2")),
        KuboBlocks("/ip4/127.0.0.1/tcp/1", bearer="hunter2"),
    ):
        with store:
            assert "hunter2" not in repr(store) + repr(vars(store)) + repr(vars(store._node))
    assert repr(Credentials(bearer="hunter2")) == "Credentials(bearer)"


@pytest.mark.parametrize(("basic", "bearer"), [(("a", "b"), "c"), (("a", "b\n"), None), (None, "c\r\nX: y")])
def test_credentials_that_are_not_taken(basic: tuple[str, str] | None, bearer: str | None) -> None:
    with pytest.raises(InvalidInput):
        KuboBlocks("/ip4/127.0.0.1/tcp/1", basic=basic, bearer=bearer)


def test_foreign_text_is_made_harmless() -> None:
    assert quoted("a\x1b[31m\nb\u202e" + "x" * 1000) == ("a [31m b " + "x" * 1000)[:MAX_QUOTE]
    assert str(refused("The node", "no\x07pe")) == "The node refused: no pe"
