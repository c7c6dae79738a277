"""``doctor``: what is there, what answers, and what to do about the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.exit_codes import USAGE
from registry.client.diagnostics import CHECKS, MISSING, OK, Check, answers
from registry.core.errors import InvalidInput
from registry.devnet.programs import PROGRAMS, find_program
from registry.present.text import NAME, NO, YES, Line

_STYLES = {OK: YES, MISSING: NAME}
_STATE_WIDTH = 9


@command(app, "doctor", "consent doctor")
def doctor(ctx: Context) -> None:
    """Show what is installed and reachable, and what to do about the rest.

    Nothing is changed, no passphrase is asked for and no secret shown. Exit code 0 where all that is configured works,
    2 where the configuration is wrong, 3 where something in it cannot be reached.
    """
    found: list[Check] = []
    for name, checker in (CHECKS | {"programs": _programs}).items():
        with ctx.working(f"checking: {name}"):
            # Several checks may meet the same mistake in the configuration; report it once.
            known = {check.detail for check in found if check.code}
            found += [check for check in answers(ctx.session, name, checker) if check.detail not in known]
    codes = {check.code for check in found}
    code = USAGE if USAGE in codes else max(codes)
    document = {"checks": [check._asdict() for check in found], "exit": code}
    ctx.out.result(document, _lines(found))
    raise typer.Exit(code)


def _programs(_: object) -> Iterator[Check]:
    for name, program in PROGRAMS.items():
        try:
            found = find_program(name)
            yield Check(name, OK, f"{found.version} ({found.source}), for {program.use}")
        except InvalidInput as error:
            yield Check(name, MISSING, f"{error}; for {program.use}", error.advice)


def _lines(found: Sequence[Check]) -> list[Line]:
    width = max(len(check.name) for check in found) + 2
    hang = _STATE_WIDTH + width
    lines = []
    for check in found:
        style = _STYLES.get(check.state, NO)
        lines.append(Line(f"{check.state:<{_STATE_WIDTH}}{check.name:<{width}}{check.detail}", hang, style))
        if check.advice:
            lines.append(Line(f"{'':<{hang}}{check.advice}", hang))
    return lines
