"""A person, a brand and a stranger on one embedded network, and the command line as they type it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from registry.cli.main import run

PURPOSE, OTHER_PURPOSE, DATUM = "dpv:Personalisation", "dpv:DirectMarketing", "pd:Purchase"
TERMS = "ieee-7012:SD-BASE"
ERROR = {"error", "message", "advice", "exit"}


class Answer(NamedTuple):
    """What one command line did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON line of stdout."""
        (line,) = self.out.splitlines()
        document: dict[str, Any] = json.loads(line)
        return document


class Terminal(io.StringIO):
    """Somebody at a keyboard who has typed ahead."""

    def isatty(self) -> bool:
        return True


@dataclass
class Consent:
    """``consent ...`` in this process, as one of the parties in the folder."""

    folder: Path
    _capsys: pytest.CaptureFixture[str]
    _patch: pytest.MonkeyPatch

    def __call__(
        self, *arguments: object, who: str = "alice", typed: str | None = None, phrase: str | None = None
    ) -> Answer:
        """``typed`` makes it a terminal; ``phrase`` comes through ``--passphrase-fd``."""
        self._patch.setenv("CONSENT_NETWORK", str(self.folder / "network"))
        self._patch.setenv("CONSENT_HOME", str(self.folder / who))
        line = [str(argument) for argument in arguments]
        with self._patch.context() as patch:
            if typed is not None:
                patch.setattr(sys, "stdin", Terminal(typed))
            code = run(line) if phrase is None else _with_phrase(phrase, lambda fd: run([*line, "--passphrase-fd", fd]))
        return Answer(code, *self._capsys.readouterr())

    def json(self, *arguments: object, **how: Any) -> dict[str, Any]:
        """The document that a successful command prints with ``--json``."""
        answer = self(*arguments, "--json", **how)
        assert answer.code == 0, answer
        return answer.document

    @property
    def grant(self) -> Path:
        """The file of Alice's newest grant in her home."""
        return max((self.folder / "alice" / "evidence").glob("0x*.json"), key=lambda path: path.stat().st_mtime_ns)


def no_of(answer: Answer) -> tuple[int, str]:
    """Exit code and name of the error, wherever it is said in words."""
    said = (answer.out or answer.err).removeprefix("No: ")
    return answer.code, said.split(":", 1)[0]


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below the folder and its bytes, but for the chain, which gains a block whenever it is read."""
    found = (path for path in folder.rglob("*") if path.is_file() and "network" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def _with_phrase(phrase: str, act: Callable[[str], int]) -> int:
    reading, writing = os.pipe()
    try:
        os.write(writing, phrase.encode() + b"\n")
        os.close(writing)
        return act(str(reading))
    finally:
        os.close(reading)
