"""Shelves: lists of blocks, themselves blocks, by which one pin on a node keeps thousands of blocks at once.

Pinning one by one takes a node 3 ms each; pinning a shelf pins all that it lists. A shelf is DAG-CBOR, so that the
node follows its links: {"sizes": four bytes, big-endian, for each block, "blocks": links to them as raw blocks}, in
the ascending order of their digests. It names its blocks as raw ones also where they are nodes of a file's tree:
to the node a block is its hash, and each shelf stands for its own blocks only, wherever those link to.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import batched as _batched  # type: ignore[attr-defined,unused-ignore]
