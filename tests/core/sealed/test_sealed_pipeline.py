"""A person can leave without our software: ``age -d``, ``tail`` and ``gunzip`` read every sealed file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from registry.core.sealed.documents import signed
from registry.core.sealed.records import write_record
from registry.core.sealed.segments import make_segments, read_segment
from tests.support.sealed_builders import VAULT, framed, head, identity, recipient, record, sealed
from tests.support.tools import tool

READ = '"$AGE" -d -i "$KEY" | tail -c +5 | gunzip -q'


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(identity("stream"))
    return path


def read_by_others(sealed_file: bytes, key: Path) -> bytes:
    if shutil.which("gunzip") is None:
        pytest.skip("gunzip is not installed")
    env = {"AGE": str(tool("age")), "KEY": str(key), "PATH": "/usr/bin:/bin"}
    # gunzip warns (2) that zeros follow: it ignores the padding, as it does in a tar archive.
    done = subprocess.run(["sh", "-c", READ], input=sealed_file, capture_output=True, env=env, timeout=60, check=False)
    assert done.returncode in (0, 2), done.stderr
    return done.stdout


@pytest.mark.parametrize("count", [1, 50, 3000])
def test_segments(count: int, key: Path) -> None:
    versions = [record(number) for number in range(count)]
    (made,) = make_segments(versions, recipient("stream"))
    lines = read_by_others(made.sealed, key).splitlines()
    assert lines == [write_record(one) for one in versions]
    assert json.loads(lines[0])["body"]["seller"] == "Maison Aurelle"


def test_heads(key: Path) -> None:
    plain: dict[str, Any] = json.loads(read_by_others(sealed(head()), key))
    assert plain["type"] == "StreamHead"
    assert plain["signature"] == signed(head(), VAULT).signature


def test_what_they_make_opens_here(key: Path) -> None:
    line = write_record(record()) + b"\n"
    made = subprocess.run(["gzip", "-n", "-9"], input=line, capture_output=True, timeout=60, check=True).stdout
    command = [str(tool("age")), "-r", recipient("stream")]
    done = subprocess.run(command, input=framed(b"", made), capture_output=True, timeout=60, check=True)
    assert list(read_segment(done.stdout, identity("stream"))) == [record()]
