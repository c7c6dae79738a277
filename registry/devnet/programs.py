"""The external programs: which version of each the project is tested with, and where it is on this machine."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from registry.core.errors import InvalidInput
from registry.fs.processes import run

CACHE = user_cache_path("consent-registry") / "tools"
VERSION_SECONDS = 20
_SUFFIX = ".exe" if os.name == "nt" else ""


class Program(NamedTuple):
    """The pinned version, the binaries (the program first), where to get it, and what needs it."""

    version: str
    binaries: tuple[str, ...]
    home: str
    use: str


class Found(NamedTuple):
    """An installed program: its file, its version ("0.42.0"), and its source, "PATH" or "cache"."""

    path: Path
    version: str
    source: str


PROGRAMS = {
    "anvil": Program("1.7.1", ("anvil",), "https://getfoundry.sh", "the chain of `consent devnet`"),
    "cast": Program("1.7.1", ("cast",), "https://getfoundry.sh", "docs/networks.md and the tests"),
    "forge": Program("1.7.1", ("forge",), "https://getfoundry.sh", "the tests"),
    "kubo": Program(
        "0.42.0", ("ipfs",), "https://docs.ipfs.tech/install/command-line/", "the IPFS node of `consent devnet`"
    ),
    "age": Program("1.3.2", ("age", "age-keygen"), "https://age-encryption.org", "the tests and `make bench`"),
    "geth": Program("1.17.10", ("geth",), "https://geth.ethereum.org/downloads", "the tests and `make bench`"),
}


def find(name: str) -> Found | None:
    """Return the program if it is installed, on PATH in a fitting version or in the cache."""
    found = _first_on_path(name)
    return found if found and _fits(found.version, PROGRAMS[name].version) else in_cache(name)


def find_program(name: str) -> Found:
    """Return the program; ``InvalidInput`` says how to get it if it is missing."""
    if found := find(name):
        return found
    program, other = PROGRAMS[name], _first_on_path(name)
    problem = f"{name} {program.version} or newer is not installed"
    if other is not None:
        problem = f"{name}: {other.version or 'a program without a version'} on PATH, {program.version} needed"
    advice = f"In a checkout, `make tools` installs it; elsewhere put {program.binaries[0]} on PATH: {program.home}"
    raise InvalidInput(problem, advice)


def folder_of(name: str) -> Path:
    """Return the folder of the pinned version in the user's cache."""
    return CACHE / f"{name}-{PROGRAMS[name].version}"


def files_of(name: str, folder: Path) -> list[Path]:
    """Return the paths of the program's binaries in a folder."""
    return [folder / (binary + _SUFFIX) for binary in PROGRAMS[name].binaries]


def in_cache(name: str) -> Found | None:
    """Return the program if `make tools` has put it into the cache."""
    files = files_of(name, folder_of(name))
    if not all(file.is_file() for file in files):
        return None
    return Found(files[0], PROGRAMS[name].version, "cache")


def _first_on_path(name: str) -> Found | None:
    """Return the program that PATH names first, whatever its version, which is empty if it prints none."""
    paths = [shutil.which(binary) for binary in PROGRAMS[name].binaries]
    if (first := paths[0]) is None or None in paths:
        return None
    done = run([first, "--version"], VERSION_SECONDS)
    version = re.search(r"\bv?(\d+\.\d+\.\d+)\b", done.stdout if done else "")
    return Found(Path(first), version[1] if version else "", "PATH")


def _fits(version: str, wanted: str) -> bool:
    """Tell whether the version is not older than the pinned one, and of the same major version."""
    if not version:
        return False
    mine, other = ([int(part) for part in each.split(".")[:3]] for each in (version, wanted))
    return mine[0] == other[0] and mine >= other
