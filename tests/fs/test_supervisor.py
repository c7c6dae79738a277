"""Programs that run as one service: started again when they die, ended in order, and never left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from registry.fs import supervisor
from registry.fs.supervisor import supervise

pytestmark = pytest.mark.skipif(os.name == "nt", reason="descriptors are handed to programs as on POSIX")

PATIENCE = 20.0
# Writes down its process id and the secret, and later that it was ended.
PROGRAM = """
import os, signal, sys, time
name, folder, descriptor = sys.argv[1], sys.argv[2], int(sys.argv[3])
def note(word):
    with open(f"{folder}/log", "a") as file:
        file.write(f"{name} {word}\\n")
def end(*_):
    note("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "deaf" else end)
note(f"{os.getpid()} {os.read(descriptor, 99).decode().strip()}")
if name == "wrong":
    sys.exit(2)
while name != "short":
    time.sleep(0.05)
"""


class Service:
    """A supervisor in a thread of this process, and what its programs wrote down."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._log, self.stop, self.told = folder / "log", threading.Event(), list[str]()
        programs = {name: self._program(name, folder) for name in names}
        self.thread = threading.Thread(target=supervise, args=(programs, b"sesame", self.stop, self.told.append))

    def _program(self, name: str, folder: Path) -> Callable[[int], Sequence[str]]:
        return lambda descriptor: [sys.executable, "-c", PROGRAM, name, str(folder), str(descriptor)]

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def starts(self, name: str) -> list[int]:
        return [int(line[1]) for line in self.lines() if line[0] == name and line[1] != "ended"]

    def __enter__(self) -> Service:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_program_that_dies_is_started_again_and_all_end_in_order(tmp_path: Path) -> None:
    with Service(tmp_path, "first", "second") as service:
        until(lambda: len(service.lines()) == 2)
        assert {line[2] for line in service.lines()} == {"sesame"}
        (second,) = service.starts("second")
        os.kill(second, signal.SIGKILL)
        until(lambda: len(service.starts("second")) == 2)
        assert service.told == ["the second has ended (signal 9); it starts again in 0.5 s"]
        assert len(service.starts("first")) == 1
    assert [line[0] for line in service.lines()[-2:]] == ["first", "second"]
    assert all(gone(pid) for name in ("first", "second") for pid in service.starts(name))


def test_a_program_that_ends_at_once_is_not_started_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.1)
    with Service(tmp_path, "short") as service:
        until(lambda: len(service.told) == 3)
    pauses = [line.rpartition(" in ")[2] for line in service.told[:3]]
    assert pauses == ["0.1 s", "0.2 s", "0.4 s"] and "exit code 0" in service.told[0]


def test_a_program_that_cannot_work_ends_all(tmp_path: Path) -> None:
    service = Service(tmp_path)
    programs = {name: service._program(name, tmp_path) for name in ("first", "wrong")}
    assert supervise(programs, b"sesame", service.stop, service.told.append, hopeless=2) == 2
    assert service.told == ["the wrong has ended (exit code 2), so the service ends too"]
    assert all(gone(pid) for name in programs for pid in service.starts(name))


def test_a_program_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.3)
    with Service(tmp_path, "deaf", "second") as service:
        until(lambda: len(service.lines()) == 2)
    assert service.told == ["the deaf did not end within 0.3 s, and is killed"]
    assert service.lines()[-1] == ["second", "ended"] and gone(service.starts("deaf")[0])


def test_its_programs_end_with_it(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends children with their parent")
    child = os.fork()
    if child == 0:
        service = Service(tmp_path, "first")
        supervise({"first": service._program("first", tmp_path)}, b"sesame", service.stop, service.told.append)
        os._exit(0)
    service = Service(tmp_path)
    until(lambda: len(service.starts("first")) == 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    until(lambda: service.lines()[-1] == ["first", "ended"])
