"""Measure the promised figures, and write docs/performance.md.

    python scripts/bench.py                 everything, about twenty minutes; also writes build/bench.jsonl
    python scripts/bench.py --only gas      one subject (may be repeated); writes nothing
    python scripts/bench.py --only gas --record    puts the subject's figures into the page, beside the older ones
    python scripts/bench.py --json          the figures as JSON lines on stdout
    python scripts/bench.py --render        write the page again from docs/performance.jsonl, without measuring

Each subject is a module of ``scripts/benchmarks`` and runs in a process of its own, so subjects share no memory and no
caches. Exit code: 0 if all goals hold, 1 if one is missed, 3 if something could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from registry.core.errors import ConsentError
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.page import machine, number, page

ROOT = Path(__file__).resolve().parent.parent
LINES = ROOT / "build" / "bench.jsonl"
RECORD = ROOT / "docs" / "performance.jsonl"
PAGE = ROOT / "docs" / "performance.md"
# Each subject and its limit in seconds, the quick ones first.
SUBJECTS = {
    "verifying": 240,
    "js": 240,
    "app": 600,
    "merkle": 240,
    "sealing": 240,
    "records": 240,
    "gas": 240,
    "facts": 240,
    "commands": 300,
    "wallets": 240,
    "notary": 480,
    "brand": 600,
    "vault": 900,
    "kubo": 900,  # its repository of a hundred thousand files takes long to remove
}


class Outcome(NamedTuple):
    """The output of a subject's process: its figures as JSON objects, and why it stopped early ("" if it finished)."""

    figures: list[dict[str, Any]]
    trouble: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _options(argv)
    if options.subject:
        return print_figures(options.subject, lambda: _measure(options.subject))
    if options.render:
        PAGE.write_text(page(RECORD.read_text()))
        return 0
    # SIGTERM must also end the processes that this one started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    outcomes = {name: _run(name, options.json) for name in options.only or SUBJECTS}
    if not options.only:
        _write_results(outcomes)
    elif options.record:
        _write_anew(outcomes)
    return _code(outcomes)


def _measure(subject: str) -> Iterable[Figure]:
    figures: Iterable[Figure] = importlib.import_module(f"scripts.benchmarks.{subject}").measure()
    return figures


def _write_results(outcomes: dict[str, Outcome]) -> None:
    """Write the figures in any case, the record and the page only if no figure is missing."""
    lines = [figure for outcome in outcomes.values() for figure in outcome.figures]
    _write(LINES, lines)
    if not any(outcome.trouble for outcome in outcomes.values()):
        _write(RECORD, [machine(), *lines])
        PAGE.write_text(page(RECORD.read_text()))


def _write_anew(outcomes: dict[str, Outcome]) -> None:
    """Put the figures of these subjects into the record and the page; where one is missing, the old ones stay."""
    about, *old = (json.loads(line) for line in RECORD.read_text().splitlines())
    new = {name: outcome.figures for name, outcome in outcomes.items() if not outcome.trouble}
    kept = {name: [figure for figure in old if figure["subject"] == name] for name in SUBJECTS}
    _write(RECORD, [about, *(figure for name in SUBJECTS for figure in new.get(name, kept[name]))])
    PAGE.write_text(page(RECORD.read_text()))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SUBJECTS, metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--record", action="store_true", help="with --only: put the figures into the page")
    parser.add_argument("--json", action="store_true", help="JSON lines on stdout")
    parser.add_argument("--render", action="store_true", help="write the page again, without measuring")
    parser.add_argument("--subject", choices=SUBJECTS, help=argparse.SUPPRESS)  # the process of one subject
    return parser.parse_args(argv)


def _run(name: str, as_json: bool) -> Outcome:
    _say(f"{name} ...")
    began = time.monotonic()
    outcome = collect([sys.executable, __file__, "--subject", name], SUBJECTS[name])
    _say(f"{name}: {outcome.trouble or 'done'} after {time.monotonic() - began:.0f} s")
    width = max((len(figure["name"]) for figure in outcome.figures), default=0)
    for figure in outcome.figures:
        print(json.dumps(figure) if as_json else _line(figure, width), flush=True)
    if as_json and outcome.trouble:
        print(json.dumps({"subject": name, "trouble": outcome.trouble}), flush=True)
    return outcome


def print_figures(subject: str, measure: Callable[[], Iterable[Figure]]) -> int:
    """Print each figure as a JSON line as soon as it is measured; return exit code 3 if measuring failed."""
    try:
        for figure in measure():
            print(json.dumps({"subject": subject, **figure._asdict(), "holds": figure.holds}), flush=True)
        return 0
    except ConsentError as error:
        trouble = f"{error}. {error.advice}"
    except Exception as error:  # the other subjects must still run
        traceback.print_exc()
        trouble = f"{type(error).__name__}: {error}"
    print(json.dumps({"trouble": trouble}), flush=True)
    return 3


def collect(command: Sequence[str], seconds: float) -> Outcome:
    """Run a subject's process. After ``seconds``, end it and all processes that it started."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            said, late = process.communicate(timeout=seconds)[0], ""
        except subprocess.TimeoutExpired:
            _end(process)
            said, late = process.communicate()[0], f"not done within {seconds:g} s"
        except BaseException:
            _end(process)
            raise
    lines = [json.loads(line) for line in said.splitlines()]
    troubles = [line["trouble"] for line in lines if "trouble" in line]
    died = f"its process ended with {process.returncode}" if process.returncode else ""
    return Outcome([line for line in lines if "trouble" not in line], late or "; ".join(troubles) or died)


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and the nodes that it started. They share a group, which exists until the process is reaped."""
    os.killpg(process.pid, signal.SIGKILL)


def _code(outcomes: dict[str, Outcome]) -> int:
    if any(figure["holds"] is False for outcome in outcomes.values() for figure in outcome.figures):
        return 1
    return 3 if any(outcome.trouble for outcome in outcomes.values()) else 0


def _line(figure: dict[str, Any], width: int) -> str:
    held = {True: "holds", False: "MISSED", None: ""}[figure["holds"]]
    return (
        f"  {figure['name']:64} {number(figure['value']):>12} {figure['unit']:14} {figure['goal']:10} {held}".rstrip()
    )


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
