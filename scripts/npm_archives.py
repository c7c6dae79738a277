"""Fetch npm packages for the compiled artifacts in them.

Only the package's own archive is fetched and checked against a SHA-512. Installing it would also bring all of its
dependencies.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from platformdirs import user_cache_path

from scripts.node_packages import node_tool

FETCH_SECONDS = 120


class Package(NamedTuple):
    """One version of a package; ``sha512`` of its archive, in hex."""

    name: str
    version: str
    sha512: str


def artifacts(package: Package, paths: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Read the JSON files at ``paths`` inside the package; RuntimeError for another archive or none."""
    with tarfile.open(fileobj=io.BytesIO(_archive(package))) as archive:
        return {name: _json(archive, path) for name, path in paths.items()}


def _archive(package: Package) -> bytes:
    file = user_cache_path("consent-registry") / f"{package.name.rpartition('/')[2]}-{package.version}.tgz"
    raw = file.read_bytes() if file.is_file() else b""
    if hashlib.sha512(raw).hexdigest() == package.sha512:
        return raw
    file.parent.mkdir(parents=True, exist_ok=True)
    return _fetch(package, file)


def _fetch(package: Package, file: Path) -> bytes:
    npm = node_tool("npm")
    place = {**os.environ, "PATH": f"{npm.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        command = [str(npm), "pack", "--silent", f"{package.name}@{package.version}"]
        with suppress(subprocess.SubprocessError):
            subprocess.run(command, cwd=folder, env=place, capture_output=True, timeout=FETCH_SECONDS, check=True)
        archive = next(Path(folder).glob("*.tgz"), None)
        if archive is None:
            raise RuntimeError(f"npm did not bring {package.name} {package.version}; is its registry reachable?")
        raw = archive.read_bytes()
        if hashlib.sha512(raw).hexdigest() != package.sha512:
            raise RuntimeError(f"the archive of {package.name} {package.version} is not the one that is pinned")
        archive.replace(file)
    return raw


def _json(archive: tarfile.TarFile, path: str) -> dict[str, Any]:
    source = archive.extractfile(f"package/{path}")
    assert source is not None
    document: dict[str, Any] = json.load(source)
    return document
