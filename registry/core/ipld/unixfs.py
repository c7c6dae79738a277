"""Files as trees of blocks, every block checked on every read (docs/formats.md, "Sealed data").

Trees are exactly those of ``ipfs add --cid-version=1``: raw leaves of 256 KiB under balanced dag-pb nodes of at most
174 links (UnixFS specification; DAG-PB specification). Each file has one accepted tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from registry.core.errors import InvalidInput
from registry.core.ipld.cid import DAG_PB, RAW, Block, check_block, is_leaf, sha256_of, text_of_cid, varint

LEAF_BYTES = 256 * 1024
LINKS_PER_NODE = 174
# A root declares its file's size. This bounds what a hostile root can make a reader fetch.
MAX_FILE_BYTES = 1 << 40

_VARINT = rb"[\x80-\xff]{0,8}[\x00-\x7f]"
_LINK = re.compile(rb"\x12.\x0a\x24(\x01[\x55\x70]\x12\x20.{32})\x12\x00\x18(%b)" % _VARINT, re.DOTALL)
_SIZE = re.compile(rb"\x20(%b)" % _VARINT)
_NODE = re.compile(
    rb"(?P<links>(?:%b){1,174})\x0a%b\x08\x02\x18%b(?P<sizes>(?:%b)*)"
    % (_LINK.pattern, _VARINT, _VARINT, _SIZE.pattern),
    re.DOTALL,
)


class _Link(NamedTuple):
    """One entry of a node: binary CID, bytes of the whole subtree with its nodes, bytes of file below it."""

    cid: bytes
    tree: int
    size: int


def file_blocks(source: BinaryIO) -> Iterator[Block]:
    """Yield the blocks of the file that is the rest of ``source``: children before parents, the root last.

    Memory is constant: one leaf, and at most 174 links for each level.
    """
    levels: list[list[_Link]] = [[]]
    for data in _leaves(source):
        cid = RAW + sha256_of(data)
        yield Block(text_of_cid(cid), data)
        yield from _push(levels, 0, _Link(cid, len(data), len(data)))
    for height in range(len(levels)):
        # A single link with nothing above it is the root itself. Otherwise the remaining links become a short node.
        if levels[height] and (height + 1 < len(levels) or len(levels[height]) > 1):
            yield from _close(levels, height)


def read_file(cid: str, get_block: Callable[[str], bytes], max_bytes: int = MAX_FILE_BYTES) -> Iterator[bytes]:
    """Yield the content of the file ``cid`` in order, one leaf (256 KiB) at a time, checking each block before use.

    ``get_block`` is any source of blocks; its errors pass through. Raises BlockMismatch if it returns the wrong bytes,
    and InvalidInput if ``cid`` names no such tree or one of more than ``max_bytes``.
    """
    data = get_block(cid)
    check_block(cid, data)
    links = [] if is_leaf(cid) else _parse_node(data)
    size = sum(link.size for link in links) if links else len(data)
    if size > max_bytes:
        raise InvalidInput(f"the file has more than {max_bytes} bytes", "Raise the limit if you trust its source.")
    if not links:
        yield data
    elif size <= LEAF_BYTES:
        raise _no_file("its root is a node where one leaf is enough")
    else:
        yield from _read_node(links, size, _height(size), get_block)


def blocks_of(cid: str, get_block: Callable[[str], bytes]) -> Iterator[Block]:
    """Yield every block of a file in reading order, in constant memory, checked like `read_file`."""
    seen: list[Block] = []

    def get(wanted: str) -> bytes:
        data = get_block(wanted)
        seen.append(Block(wanted, data))
        return data

    for _ in read_file(cid, get):
        yield from seen
        seen.clear()
    yield from seen


def children(node: bytes) -> list[str]:
    """Return the CIDs below a node of a file's tree; ``InvalidInput`` for what is no such node."""
    return [text_of_cid(link.cid) for link in _parse_node(node)]


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
    cid = DAG_PB + sha256_of(data)
    yield Block(text_of_cid(cid), data)
    tree = len(data) + sum(link.tree for link in links)
    yield from _push(levels, height + 1, _Link(cid, tree, sum(link.size for link in links)))


def _node(links: list[_Link]) -> bytes:
    # DAG-PB: links before data; UnixFS: Type = File (2), no Data, filesize, then a blocksize for each link.
    sizes = b"".join(b"\x20" + varint(link.size) for link in links)
    unixfs = b"\x08\x02\x18" + varint(sum(link.size for link in links)) + sizes
    return b"".join(map(_link, links)) + b"\x0a" + varint(len(unixfs)) + unixfs


def _link(link: _Link) -> bytes:
    # Hash, an empty Name (written out, as Kubo does), Tsize.
    body = b"\x0a" + varint(len(link.cid)) + link.cid + b"\x12\x00\x18" + varint(link.tree)
    return b"\x12" + varint(len(body)) + body


def _read_node(links: list[_Link], size: int, height: int, get_block: Callable[[str], bytes]) -> Iterator[bytes]:
    # The file's size determines the whole shape of its tree: its depth, its links and the length of each leaf.
    if [link.size for link in links] != _shares(size, height):
        raise _no_file("its tree is not the balanced one for its size")
    for link in links:
        cid = text_of_cid(link.cid)
        data = get_block(cid)
        check_block(cid, data)
        if not link.cid.startswith(DAG_PB if height > 1 else RAW):
            raise _no_file("its tree has a leaf in place of a node, or the reverse")
        if height > 1:
            yield from _read_node(_parse_node(data), link.size, height - 1, get_block)
        elif len(data) == link.size:
            yield data
        else:
            raise _no_file("the length of a leaf is not the one that its parent gives")


def _height(size: int) -> int:
    height = 1
    while size > LEAF_BYTES * LINKS_PER_NODE**height:
        height += 1
    return height


def _shares(size: int, height: int) -> list[int]:
    share = LEAF_BYTES * LINKS_PER_NODE ** (height - 1)
    return [share] * (size // share) + [size % share] * (size % share > 0)


def _parse_node(data: bytes) -> list[_Link]:
    if not (found := _NODE.fullmatch(data)):
        raise _no_file("one of its nodes is not in its canonical encoding")
    hashes, sizes = _LINK.findall(found["links"]), _SIZE.findall(found["sizes"])
    links = [_Link(cid, _number(tree), _number(size)) for (cid, tree), size in zip(hashes, sizes, strict=False)]
    # The pattern is loose. This comparison refuses every second encoding of the same node.
    if _node(links) != data:
        raise _no_file("one of its nodes is not in its canonical encoding")
    return links


def _number(varint: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(varint))


def _no_file(why: str) -> InvalidInput:
    return InvalidInput(f"the identifier names no file: {why}", "Ask for one made by `ipfs add --cid-version=1`.")
