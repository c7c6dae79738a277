"""Sealing and opening 100 MB, against the cipher's calls alone, and beside other programs that make the same files.

File to file means from one file to a new one, both in the system's cache.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import open_sealed, seal
from registry.devnet.programs import find
from scripts.benchmarks.figures import Figure, best_of

SIZE = 100_000_000
SECONDS = 120
# Each takes a tenth of a second and depends on memory that all programs share, so few runs would not be reliable.
TURNS = 15
_CHUNK, _TAG = 1 << 16, 16
_IDENTITY = identity_from_seed(bytes(range(32)))
_RECIPIENT = recipient_of(_IDENTITY)
Contestants = dict[str, Callable[[], object]]


class _Nowhere(io.RawIOBase):
    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def measure() -> Iterator[Figure]:
    """Measure all in one run; give the other programs' times as ratios to ours."""
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed, opened = (Path(folder) / name for name in ("plain", "sealed", "opened"))
        data = os.urandom(SIZE)
        plain.write_bytes(data)
        in_memory = {
            "seal": lambda: seal(data, _Nowhere(), [_RECIPIENT]),  # type: ignore[arg-type]
            "calls": lambda: _calls(data),
        }
        of_files = {
            "one call": lambda: ChaCha20Poly1305(bytes(32)).encrypt(bytes(12), data, None),
            "seal files": lambda: _between(plain, sealed, lambda a, b: seal(a, b, [_RECIPIENT])),
            "open files": lambda: _between(sealed, opened, lambda a, b: open_sealed(a, b, [_IDENTITY])),
        }
        # These two run apart from the others, so that each finds the caches as the other left them.
        best = best_of(in_memory, TURNS)
        best |= best_of({**of_files, **_age(Path(folder)), **_pyrage(Path(folder))}, TURNS)
        if opened.read_bytes() != data:
            raise RuntimeError("what was opened is not what was sealed")
    yield from _figures(best)


def _figures(best: dict[str, float]) -> Iterator[Figure]:
    yield Figure(
        "sealing 100 MB from memory to nowhere, share of its 64 KiB ChaCha20-Poly1305 calls' speed",
        best["calls"] / best["seal"],
        "",
        ">= 0.9",
    )
    yield Figure(
        "sealing 100 MB file to file, share of the speed of one ChaCha20-Poly1305 call on it in memory",
        best["one call"] / best["seal files"],
        "",
        ">= 0.7",
    )
    yield Figure("sealing 100 MB file to file", SIZE / best["seal files"] / 1e6, "MB/s")
    yield Figure("opening 100 MB file to file", SIZE / best["open files"] / 1e6, "MB/s")
    for name, kind in (("age", "post-quantum"), ("pyrage", "X25519")):
        for what in ("seal", "open"):
            if (theirs := best.get(f"{what} by {name}")) is not None:
                figure = f"{what}ing 100 MB file to file, times the speed of {name} ({kind})"
                yield Figure(figure, theirs / best[f"{what} files"], "")


def _between(source: Path, target: Path, work: Callable[[io.BufferedReader, io.BufferedWriter], None]) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        work(reader, writer)


def _calls(data: bytes) -> None:
    cipher, whole, out = ChaCha20Poly1305(bytes(32)), memoryview(data), memoryview(bytearray(_CHUNK + _TAG))
    for number, at in enumerate(range(0, SIZE, _CHUNK)):
        chunk = whole[at : at + _CHUNK]
        cipher.encrypt_into(number.to_bytes(12), chunk, None, out[: len(chunk) + _TAG])


def _age(folder: Path) -> Contestants:
    if (age := find("age")) is None:
        print("age is not installed: left out", file=sys.stderr)
        return {}
    key = folder / "key"
    key.write_text(_IDENTITY)
    sealed = folder / "by-age"

    def run(*arguments: str | Path) -> None:
        subprocess.run([age.path, *arguments], check=True, capture_output=True, timeout=SECONDS)

    return {
        "seal by age": lambda: run("-r", _RECIPIENT, "-o", sealed, folder / "plain"),
        "open by age": lambda: run("-d", "-i", key, "-o", folder / "opened-by-age", sealed),
    }


def _pyrage(folder: Path) -> Contestants:
    try:
        import pyrage
    except ImportError:
        print("pyrage is not installed (pip install pyrage): left out", file=sys.stderr)
        return {}
    identity = pyrage.x25519.Identity.generate()
    plain, sealed, opened = (str(folder / name) for name in ("plain", "by-pyrage", "opened-by-pyrage"))
    return {
        "seal by pyrage": lambda: pyrage.encrypt_file(plain, sealed, [identity.to_public()]),
        "open by pyrage": lambda: pyrage.decrypt_file(sealed, opened, [identity]),
    }
