"""Content identifiers, computed here and checked on every read: no node or gateway is trusted (DESIGN section 6).

A CIDv1 is version 1, a codec, and a multihash (sha2-256), in lower-case base32 (multiformats CID, section "CIDv1").
Files are trees exactly as ``ipfs add --cid-version=1`` builds them: raw leaves of 256 KiB under balanced dag-pb
nodes of at most 174 links (UnixFS specification; DAG-PB specification). One tree is accepted for each file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from registry.core.errors import BlockMismatch, InvalidInput

LEAF_BYTES = 256 * 1024
LINKS_PER_NODE = 174
MAX_BLOCK_BYTES = 1 << 20
# A tree's own size is declared by its root: what it may ask a reader to fetch stays under this.
MAX_FILE_BYTES = 1 << 40

_RAW, _DAG_PB = 0x55, 0x70
_DIGEST_LENGTH = 32
_PREFIXES = {codec: bytes((1, codec, 0x12, _DIGEST_LENGTH)) for codec in (_RAW, _DAG_PB)}
_BINARY_LENGTH = 4 + _DIGEST_LENGTH
# Those four bytes are the six letters after "b" and two zero bits; digest and two more zero bits fill 52 letters.
_STARTS = {_RAW: "bafkrei", _DAG_PB: "bafybei"}
_CODECS = {start: codec for codec, start in _STARTS.items()}
_CID = re.compile(r"(bafkrei|bafybei)([a-h][a-z2-7]{50}[aeimquy4])")
_PAD_BITS = 2
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_TO_INT_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
# Two letters at a time: a third of the time that base64.b32encode takes.
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_PLACES = range(250, -1, -10)
_VARINT = rb"[\x80-\xff]{0,8}[\x00-\x7f]"
_LINK = re.compile(rb"\x12.\x0a\x24(\x01[\x55\x70]\x12\x20.{32})\x12\x00\x18(" + _VARINT + rb")", re.DOTALL)
_SIZE = re.compile(rb"\x20(" + _VARINT + rb")")
_NODE = re.compile(
    rb"(?P<links>(?:"
    + _LINK.pattern
    + rb"){1,174})\x0a"
    + _VARINT
    + rb"\x08\x02\x18"
    + _VARINT
    + rb"(?P<sizes>(?:"
    + _SIZE.pattern
    + rb")*)",
    re.DOTALL,
)


class Block(NamedTuple):
    """Bytes under their name: ``cid`` is the CIDv1 of ``data`` (at most MAX_BLOCK_BYTES)."""

    cid: str
    data: bytes


class _Link(NamedTuple):
    """One entry of a node: binary CID, bytes of the whole subtree with its nodes, bytes of file below it."""

    cid: bytes
    tree: int
    size: int


# The bytes that were hashed last, and their SHA-256.
_last: tuple[bytes, bytes] = (b"", hashlib.sha256().digest())


def _sha256(data: bytes) -> bytes:
    """SHA-256, worked out once where the same object is asked about twice in a row: bytes do not change.

    Who makes a block names it and a store checks that name; a store checks what it read, and who reads it does again.
    Each holds by itself, and hashing is most of what sealing and opening a large file takes.
    """
    global _last
    known, digest = _last
    if data is known:
        return digest
    digest = hashlib.sha256(data).digest()
    if type(data) is bytes:
        _last = data, digest
    return digest


def cid_of_block(data: bytes) -> str:
    """The CIDv1 (raw codec) of one block, ``bafkrei...``."""
    return cid_from_digest(_sha256(data))


def cid_from_digest(sha256: bytes) -> str:
    """The CIDv1 (raw codec) of the block whose SHA-256 is given (32 bytes)."""
    if len(sha256) != _DIGEST_LENGTH:
        raise InvalidInput("A SHA-256 digest has 32 bytes.", "Give the digest itself, not its hex.")
    return _text(_PREFIXES[_RAW] + sha256)


def digest_of_cid(cid: str) -> bytes:
    """The SHA-256 (32 bytes) that ``cid`` names, raw or dag-pb. InvalidInput for every other or second encoding."""
    return _binary(cid)[4:]


def is_leaf(cid: str) -> bool:
    """Whether a block of a file is a leaf, which holds content, and no node of its tree."""
    return cid.startswith(_STARTS[_RAW])


def check_block(cid: str, data: bytes) -> bytes:
    """The SHA-256 of ``data``. Raises BlockMismatch unless that is what ``cid`` names, InvalidInput if ``cid`` is no
    such identifier.
    """
    digest = digest_of_cid(cid)
    if len(data) > MAX_BLOCK_BYTES or _sha256(data) != digest:
        raise BlockMismatch(f"The bytes given for {cid} are not those that it names.")
    return digest


def file_blocks(source: BinaryIO) -> Iterator[Block]:
    """The blocks of the file that is all the rest of ``source``, children before parents, the root last.

    Constant memory: one leaf, and at most 174 links of each level.
    """
    levels: list[list[_Link]] = [[]]
    for data in _leaves(source):
        block = Block(cid_of_block(data), data)
        yield block
        yield from _push(levels, 0, _Link(_binary(block.cid), len(data), len(data)))
    for height in range(len(levels)):
        # A single link with nothing above it is the root itself; otherwise what is left becomes a short node.
        if levels[height] and (height + 1 < len(levels) or len(levels[height]) > 1):
            yield from _close(levels, height)


def read_file(cid: str, get_block: Callable[[str], bytes], max_bytes: int = MAX_FILE_BYTES) -> Iterator[bytes]:
    """The content of the file ``cid``, in order, a leaf (256 KiB) at a time; every block is checked before its use.

    ``get_block`` is any source of blocks; its errors pass through. Raises BlockMismatch where it returns other
    bytes; InvalidInput where ``cid`` names no such tree, or one of more than ``max_bytes``.
    """
    data = _fetch(cid, get_block)
    if _binary(cid)[1] == _RAW:
        if len(data) > max_bytes:
            raise _too_large(max_bytes)
        yield data
        return
    links = _parse_node(data)
    size = sum(link.size for link in links)
    if size > max_bytes:
        raise _too_large(max_bytes)
    if size <= LEAF_BYTES:
        raise _no_file("its root has a node where one leaf is enough")
    yield from _read_node(links, size, _height(size), get_block)


def blocks_of(cid: str, get_block: Callable[[str], bytes]) -> Iterator[Block]:
    """Every block of a file, in the order in which it is read, in constant memory, checked as `read_file` does."""
    seen: list[Block] = []

    def get(wanted: str) -> bytes:
        data = get_block(wanted)
        seen.append(Block(wanted, data))
        return data

    for _ in read_file(cid, get):
        yield from seen
        seen.clear()
    yield from seen


def _leaves(source: BinaryIO) -> Iterator[bytes]:
    leaf = _read_leaf(source)
    yield leaf
    while len(leaf) == LEAF_BYTES and (leaf := _read_leaf(source)):
        yield leaf


def _read_leaf(source: BinaryIO) -> bytes:
    data = source.read(LEAF_BYTES)
    while len(data) < LEAF_BYTES and (more := source.read(LEAF_BYTES - len(data))):
        data += more
    return data


def _push(levels: list[list[_Link]], height: int, link: _Link) -> Iterator[Block]:
    if height == len(levels):
        levels.append([])
    levels[height].append(link)
    if len(levels[height]) == LINKS_PER_NODE:
        yield from _close(levels, height)


def _close(levels: list[list[_Link]], height: int) -> Iterator[Block]:
    links, levels[height] = levels[height], []
    data = _node(links)
    cid = _PREFIXES[_DAG_PB] + _sha256(data)
    yield Block(_text(cid), data)
    tree = len(data) + sum(link.tree for link in links)
    yield from _push(levels, height + 1, _Link(cid, tree, sum(link.size for link in links)))


def _node(links: list[_Link]) -> bytes:
    # DAG-PB: links before data; UnixFS: Type = File (2), no Data, filesize, then a blocksize for each link.
    sizes = b"".join(b"\x20" + varint(link.size) for link in links)
    unixfs = b"\x08\x02\x18" + varint(sum(link.size for link in links)) + sizes
    return b"".join(map(_link, links)) + b"\x0a" + varint(len(unixfs)) + unixfs


def _link(link: _Link) -> bytes:
    # Hash, an empty Name (written out, as Kubo does), Tsize.
    body = b"\x0a" + varint(_BINARY_LENGTH) + link.cid + b"\x12\x00\x18" + varint(link.tree)
    return b"\x12" + varint(len(body)) + body


def varint(value: int) -> bytes:
    """The unsigned varint (multiformats) of ``value``, least significant group first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_node(links: list[_Link], size: int, height: int, get_block: Callable[[str], bytes]) -> Iterator[bytes]:
    # A file's size decides its tree's whole shape: depth, numbers of links and every leaf's length follow.
    if [link.size for link in links] != _shares(size, height):
        raise _no_file("its tree is not the balanced one for its size")
    for link in links:
        data = _fetch(_text(link.cid), get_block)
        if link.cid[1] != (_DAG_PB if height > 1 else _RAW):
            raise _no_file("its tree has a leaf in a node's place, or the reverse")
        if height > 1:
            yield from _read_node(_parse_node(data), link.size, height - 1, get_block)
        elif len(data) == link.size:
            yield data
        else:
            raise _no_file("one of its leaves has another length than its parent says")


def _height(size: int) -> int:
    height = 1
    while size > LEAF_BYTES * LINKS_PER_NODE**height:
        height += 1
    return height


def _shares(size: int, height: int) -> list[int]:
    full, rest = divmod(size, LEAF_BYTES * LINKS_PER_NODE ** (height - 1))
    return [LEAF_BYTES * LINKS_PER_NODE ** (height - 1)] * full + [rest] * (rest > 0)


def _parse_node(data: bytes) -> list[_Link]:
    if not (found := _NODE.fullmatch(data)):
        raise _no_file("one of its nodes is not encoded as it must be")
    hashes, sizes = _LINK.findall(found["links"]), _SIZE.findall(found["sizes"])
    links = [_Link(cid, _number(tree), _number(size)) for (cid, tree), size in zip(hashes, sizes, strict=False)]
    # The pattern reads loosely; this one comparison refuses every second encoding of the same node.
    if _node(links) != data:
        raise _no_file("one of its nodes is not encoded as it must be")
    return links


def _number(varint: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(varint))


def _fetch(cid: str, get_block: Callable[[str], bytes]) -> bytes:
    data = get_block(cid)
    check_block(cid, data)
    return data


def _text(binary: bytes) -> str:
    bits = int.from_bytes(binary[-_DIGEST_LENGTH:]) << _PAD_BITS
    return _STARTS[binary[1]] + "".join([_PAIRS[bits >> place & 1023] for place in _PLACES])


def _binary(cid: str) -> bytes:
    # The pattern admits exactly one spelling of each identifier, so that nothing need be encoded again to compare.
    if not (found := _CID.fullmatch(cid)):
        raise InvalidInput(
            "Not a CIDv1 of a raw or dag-pb block under SHA-256.", "Use the form bafkrei... or bafybei..."
        )
    bits = int(found[2].translate(_TO_INT_DIGITS), 32) >> _PAD_BITS
    return _PREFIXES[_CODECS[found[1]]] + bits.to_bytes(_DIGEST_LENGTH)


def _no_file(why: str) -> InvalidInput:
    return InvalidInput(f"The identifier names no file: {why}.", "Ask for one made by `ipfs add --cid-version=1`.")


def _too_large(limit: int) -> InvalidInput:
    return InvalidInput(f"The file has more than {limit} bytes.", "Raise the limit if you trust its source.")
