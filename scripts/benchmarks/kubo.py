"""A real Kubo node: many small blocks, and a large file sealed on its way, beside the program `ipfs` on the same node.

The node is set up as by `consent devnet`. Its repository is in build/. In /tmp, tests delete many files, and for some
minutes after that ext4 takes up to a millisecond for each new file. One figure shows the cost of files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from registry.core.age.stream import open_sealed
from registry.core.errors import InvalidInput
from registry.core.ipld.car import car_parts
from registry.core.ipld.cid import RAW, Block, cid_of_block, digest_of_cid
from registry.core.ipld.unixfs import LEAF_BYTES, read_file
from registry.devnet.kubo import DAEMON, configure, environment, make_repo, ports_in
from registry.devnet.programs import find_program
from registry.fs.streams import PieceReader
from registry.storage.kubo import KuboBlocks
from registry.storage.pinsets import make_pinset
from registry.vault.draft import FileSource
from registry.vault.large_files import seal_file
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.memory import ROOT, peak_megabytes

BLOCKS, BLOCK_BYTES, BLOCK_RUNS = 10_000, 1000, 5
FILE_BYTES, FILE_RUNS = 500_000_000, 8
FREE_BYTES = 10 * FILE_BYTES
SECONDS = 120
_PIECE_BYTES = 1_000_000
_FOLDERS = 1024
_WORK = """
import sys
from pathlib import Path
from scripts.benchmarks.kubo import get, put
from registry.storage.kubo import KuboBlocks
with KuboBlocks(sys.argv[1]) as store:
    get(store, put(store, Path(sys.argv[2])), Path(sys.argv[2]).with_name("opened"))
"""


class _Node:
    """A node: its repository in ``folder``, its daemon's address, and the `ipfs` program for both."""

    def __init__(self, ipfs: Path, folder: Path, address: str) -> None:
        self._ipfs, self._folder, self.address = ipfs, folder, address

    def run(self, *arguments: str | Path, output: Path = Path(os.devnull)) -> None:
        """Run the command and write its answer to a file."""
        with output.open("wb") as sink:
            command = [self._ipfs, *arguments]
            subprocess.run(command, env=environment(self._folder), stdout=sink, check=True, timeout=SECONDS)


def measure() -> Iterator[Figure]:
    """Measure the best of the runs. Each run has new bytes, because a node does not write blocks that it has."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    if shutil.disk_usage(build).free < FREE_BYTES:
        raise InvalidInput(f"{build} has less than {FREE_BYTES / 1e9:g} GB free.", "Free some space, then try again.")
    with (
        tempfile.TemporaryDirectory(dir=build) as name,
        running_node(Path(name)) as node,
        KuboBlocks(node.address) as store,
    ):
        yield from _of_blocks(node, store, Path(name))
        yield from _of_a_file(node, store, Path(name))


def put(store: KuboBlocks, file: Path) -> tuple[str, str]:
    """Seal a file on its way into the store, as the vault does; return its CID and the identity that opens it."""
    with file.open("rb") as body:
        digest = hashlib.file_digest(body, "sha256").hexdigest()
    source = FileSource(file.name, "text/plain", file.stat().st_size, digest, lambda: file.open("rb"))
    made = seal_file(source, store.put)
    return str(made.cid), str(made.identity)


def get(store: KuboBlocks, record: tuple[str, str], target: Path) -> None:
    """Open a sealed file on its way out of the store."""
    cid, identity = record
    with target.open("wb") as sink:
        open_sealed(BufferedReader(PieceReader(read_file(cid, store.reader(cid))), LEAF_BYTES), sink, [identity])


def _of_blocks(node: _Node, store: KuboBlocks, folder: Path) -> Iterator[Figure]:
    ours, theirs = list[float](), list[float]()
    archive = folder / "blocks.car"
    for _ in range(BLOCK_RUNS):
        made = _blocks()
        ours.append(_seconds(lambda made=made: store.put(made)))  # type: ignore[misc]
        archive.write_bytes(_archive(_blocks()))
        theirs.append(_seconds(lambda: node.run("dag", "import", "--fast-provide-root=false", archive)))
    what = f"{BLOCKS:,} blocks of 1 KB into Kubo as a CAR"
    yield Figure(what, BLOCKS / min(ours), "/s", ">= 5000")
    yield Figure(f"{what}, its repository new", BLOCKS / ours[0], "/s")
    yield Figure(f"{what}, share of the speed of `ipfs dag import`", min(theirs) / min(ours), "")
    yield Figure("files of 1 KB that the disk makes, each synced", _files(folder / "files"), "/s")


def _of_a_file(node: _Node, store: KuboBlocks, folder: Path) -> Iterator[Figure]:
    plain, opened, cid = folder / "plain", folder / "opened", folder / "cid"
    best = dict.fromkeys(("put", "add", "get", "cat"), float("inf"))
    for _ in range(FILE_RUNS):
        _fill(plain)
        record: list[tuple[str, str]] = []
        runs: dict[str, Callable[[], object]] = {
            "put": lambda record=record: record.append(put(store, plain)),  # type: ignore[misc]
            "add": lambda: node.run("add", "--cid-version=1", "--quieter", "--progress=false", plain, output=cid),
            "get": lambda record=record: get(store, record[0], opened),  # type: ignore[misc]
            "cat": lambda: node.run("cat", "--progress=false", cid.read_text().strip(), output=folder / "theirs"),
        }
        best |= {name: min(best[name], _seconds(run)) for name, run in runs.items()}
    yield Figure("put of 500 MB, sealed, share of the speed of `ipfs add`", best["add"] / best["put"], "", ">= 0.6")
    yield Figure("get of 500 MB, opened, share of the speed of `ipfs cat`", best["cat"] / best["get"], "", ">= 0.6")
    for name, speed in (("put of 500 MB, sealed", best["put"]), ("get of 500 MB, opened", best["get"])):
        yield Figure(name, FILE_BYTES / speed / 1e6, "MB/s")
    _fill(plain)
    if (peak := peak_megabytes(_WORK, node.address, plain, seconds=SECONDS)) is not None:
        yield Figure("put and get of 500 MB, peak of the process", peak, "MB", "<= 150")
    if subprocess.run(["cmp", plain, opened], timeout=SECONDS).returncode:
        raise RuntimeError("the file that was read differs from the file that was written")


@contextmanager
def running_node(folder: Path) -> Iterator[_Node]:
    """Start a node whose repository is in ``folder``, and end it afterwards."""
    ipfs, repo, log = find_program("kubo").path, folder / "repo", folder / "log"
    make_repo(ipfs, repo)
    configure(repo, api=0)
    with log.open("wb") as output:
        daemon = subprocess.Popen([ipfs, *DAEMON], env=environment(repo), stdout=output, stderr=output)
    try:
        yield _Node(ipfs, repo, f"http://127.0.0.1:{_port(daemon, log)}")
    finally:
        daemon.terminate()
        try:
            daemon.wait(SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(SECONDS)


def _port(daemon: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + SECONDS
    while (ports := ports_in(log.read_text("utf-8"))) is None:
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text("utf-8"))
        time.sleep(0.05)
    return ports[0]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _blocks() -> list[Block]:
    return [Block(cid_of_block(data), data) for data in (os.urandom(BLOCK_BYTES) for _ in range(BLOCKS))]


def _archive(blocks: list[Block]) -> bytes:
    """Return a CAR that is the same work for the node as our client's: one block lists all others and is pinned."""
    pairs = [(RAW + digest_of_cid(cid), data) for cid, data in blocks]
    halves = (pairs[: BLOCKS // 2], pairs[BLOCKS // 2 :])
    pinsets = [make_pinset({cid[len(RAW) :]: len(data) for cid, data in half}) for half in halves]
    return b"".join(car_parts([each.cid for each in pinsets], [*pairs, *((each.cid, each.data) for each in pinsets)]))


def _files(folder: Path, count: int = 1000) -> float:
    """Return how many files a second the disk makes, spread over as many folders as Kubo's."""
    for number in range(_FOLDERS):
        (folder / str(number)).mkdir(parents=True)
    data = os.urandom(BLOCK_BYTES)

    def write() -> None:
        for number in range(count):
            with (folder / str(number % _FOLDERS) / "file").open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

    return count / _seconds(write)


def _fill(file: Path) -> None:
    with file.open("wb") as sink:
        for _ in range(FILE_BYTES // _PIECE_BYTES):
            sink.write(os.urandom(_PIECE_BYTES))
