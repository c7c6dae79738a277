"""The real programs: which version of each the project is tested with, and where one is on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from registry.core.errors import InvalidInput

CACHE = user_cache_path("consent-registry") / "tools"
VERSION_SECONDS = 20
_SUFFIX = ".exe" if os.name == "nt" else ""


class Program(NamedTuple):
    """The pinned version; the binaries, the program first, then what comes with it; where people get it; what for."""

    version: str
    binaries: tuple[str, ...]
    version_argument: str
    home: str
    use: str


class Found(NamedTuple):
    """A program that can be run: its file, its version ("0.42.0"), and "PATH" or "cache"."""

    path: Path
    version: str
    source: str


PROGRAMS = {
    "anvil": Program("1.7.1", ("anvil",), "--version", "https://getfoundry.sh", "the chain of `consent devnet`"),
    "cast": Program("1.7.1", ("cast",), "--version", "https://getfoundry.sh", "docs/networks.md and the tests"),
    "kubo": Program(
        "0.42.0",
        ("ipfs",),
        "version",
        "https://docs.ipfs.tech/install/command-line/",
        "the IPFS node of `consent devnet`",
    ),
    "age": Program(
        "1.3.2", ("age", "age-keygen"), "--version", "https://age-encryption.org", "the tests and `make bench`"
    ),
    "geth": Program(
        "1.17.10", ("geth",), "version", "https://geth.ethereum.org/downloads", "the tests and `make bench`"
    ),
}


def find(name: str) -> Found | None:
    """The program where it is there already, on PATH in a fitting version or in the cache; nothing is made."""
    return _on_path(name) or in_cache(name)


def find_program(name: str) -> Found:
    """The program; InvalidInput, which says how to get it, where it is missing."""
    if found := find(name):
        return found
    program, other = PROGRAMS[name], _first_on_path(name)
    lack = f"{name} {program.version} or newer is not installed"
    if other is not None:
        lack = f"{name}: {other.version or 'a program without a version'} on PATH, {program.version} needed"
    raise InvalidInput(
        lack,
        f"In a checkout, `make tools` installs it; elsewhere put {program.binaries[0]} on PATH: {program.home}",
    )


def folder_of(name: str) -> Path:
    """Where the pinned version lies in the user's cache, if it was put there."""
    return CACHE / f"{name}-{PROGRAMS[name].version}"


def files_of(name: str, folder: Path) -> list[Path]:
    """The program's binaries as they are called on this system, in a folder."""
    return [folder / (binary + _SUFFIX) for binary in PROGRAMS[name].binaries]


def in_cache(name: str) -> Found | None:
    """The program that `make tools` put into the cache."""
    files = files_of(name, folder_of(name))
    if not all(file.is_file() for file in files):
        return None
    return Found(files[0], PROGRAMS[name].version, "cache")


def _on_path(name: str) -> Found | None:
    found = _first_on_path(name)
    return found if found and _fits(found.version, PROGRAMS[name].version) else None


def _first_on_path(name: str) -> Found | None:
    """Whether it fits or not; its version is empty where it says none."""
    program = PROGRAMS[name]
    places = [shutil.which(binary) for binary in program.binaries]
    if (first := places[0]) is None or None in places:
        return None
    return Found(Path(first), _version_of(Path(first), program.version_argument), "PATH")


def _version_of(path: Path, argument: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the user's own PATH, asked for its version
            [path, argument], capture_output=True, text=True, timeout=VERSION_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\b(\d+\.\d+\.\d+)\b", done.stdout) or re.search(r"\bv(\d+\.\d+\.\d+)\b", done.stdout)
    return found[1] if found else ""


def _fits(version: str, wanted: str) -> bool:
    """Not older than what is pinned, and of the same major version."""
    if not version:
        return False
    mine, other = ([int(part) for part in each.split(".")[:3]] for each in (version, wanted))
    return mine[0] == other[0] and mine >= other
