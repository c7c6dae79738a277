"""The notes of grants in the making: a live process's are left alone, a dead one's are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from registry.vault.granting import Granting, Note
from tests.support.builders import word

HOLDING = """
import sys, time
from pathlib import Path
from registry.vault.granting import Granting, Note
granting = Granting(Path(sys.argv[1]))
with granting.held(sys.argv[2]):
    granting.note(Note(sys.argv[2], "0x" + "11" * 32, "0x" + "22" * 32))
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_note_is_found_once_its_process_is_dead(tmp_path: Path) -> None:
    granting, line = Granting(tmp_path), [sys.executable, "-c", HOLDING, str(tmp_path), word(1)]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        assert list(granting.left()) == []
        process.kill()
        process.wait()
    assert list(granting.left()) == [Note(word(1), "0x" + "11" * 32, "0x" + "22" * 32)]


def test_dropping_it_leaves_no_file(tmp_path: Path) -> None:
    granting = Granting(tmp_path)
    with granting.held(word(1)):
        assert list(granting.left()) == [], "nobody else has it"
        granting.drop(word(1))
    assert list((tmp_path / "granting").iterdir()) == []


def test_what_nobody_dropped_stays_with_an_unsigned_statement(tmp_path: Path) -> None:
    granting = Granting(tmp_path)
    with granting.held(word(1)):
        pass
    (left,) = granting.left()
    assert left == Note(word(1))
    for note in granting.left():
        granting.drop(note.lock)
    assert list((tmp_path / "granting").iterdir()) == []


def test_reading_makes_no_folder_and_takes_no_foreign_file(tmp_path: Path) -> None:
    assert list(Granting(tmp_path).left()) == [] and not (tmp_path / "granting").exists()
    (tmp_path / "granting").mkdir()
    (tmp_path / "granting" / "0xnothing").touch()
    (tmp_path / "granting" / word(2)).write_bytes(b"\xff\x00 not a digest")
    assert list(Granting(tmp_path).left()) == [Note(word(2))]
