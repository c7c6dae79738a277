"""Files become records: what is missing is asked, a file is taken whole or not at all, and a report says what came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from registry.cli.context import Context
from registry.cli.ui.import_form import ImportForm
from registry.cli.ui.progress import Rate
from registry.core.errors import InvalidInput
from registry.fs.files import is_special, make_folder, read_bounded, replace_file, replacing, writing
from registry.present.text import Row, table
from registry.vault.database import Database
from registry.vault.importers.base import Importer, Item, Reading, Refused
from registry.vault.importers.columns import MAX_MAP_FILE, ColumnMap, dump_map, load_map
from registry.vault.importers.plan import Wishes, importer_of, kind_of_file, look_at, needs_map
from registry.vault.importers.report import Report, State, refused_line


class _Planned(NamedTuple):
    path: Path
    source: BinaryIO
    importer: Importer


def import_files(
    ctx: Context,
    files: Sequence[Path],
    wishes: Wishes,
    *,
    map_file: Path | None = None,
    refused_to: Path | None = None,
    dry_run: bool = False,
) -> None:
    """Import files, each as one change. All questions are asked first; ``InvalidInput`` where all was refused."""
    with ExitStack() as stack:
        vault = stack.enter_context(ctx.session.vault())
        planned = _plan(ctx, vault, stack, files, wishes, map_file)
        refused = stack.enter_context(_lines_to(refused_to)) if refused_to else None
        reports = list[tuple[Path, Report]]()
        for done, each in enumerate(planned):
            with _telling(vault, each.path, done):
                reports.append((each.path, _take(ctx, vault, each, dry_run, refused)))
    for path, report in reports:
        _print(ctx, path, report, dry_run)
    if all(not report.states and report.refused for _, report in reports):
        raise InvalidInput("nothing was imported: everything was refused", "See the reasons above, or try --dry-run.")


@contextmanager
def _telling(vault: Database, path: Path, done: int) -> Iterator[None]:
    """Add to an error or an interruption what is in the vault now."""
    index = vault.index
    try:
        yield
    except BaseException as error:
        kept = "nothing of it was kept" if vault.index == index else "it was kept before that"
        before = f"; {done} before it {'is' if done == 1 else 'are'} in the vault" if done else ""
        error.add_note(f"The import of {path.name} was ended: {kept}{before}.")
        error.add_note("Import again whenever you like: what the vault has is left alone.")
        raise


def _plan(
    ctx: Context, vault: Database, stack: ExitStack, files: Sequence[Path], wishes: Wishes, map_file: Path | None
) -> list[_Planned]:
    """Open all files and ask everything first, so that no question waits behind a long import."""
    form, planned, answered = ImportForm(ctx.out, vault.schemas), list[_Planned](), dict[tuple[str, ...], ColumnMap]()
    saved = load_map(read_bounded(map_file, MAX_MAP_FILE)) if map_file and map_file.exists() else None
    for path in files:
        source = stack.enter_context(_opened(path))
        kind = kind_of_file(path, source, wishes.kind)
        columns: ColumnMap | None = None
        if needs_map(kind, wishes, saved):
            look = look_at(kind, source, wishes.encoding or (saved.encoding if saved and kind == "csv" else None))
            columns = form.map_for(path.name, look, wishes, saved or answered.get(look.header))
            answered[look.header] = columns
        planned.append(_Planned(path, source, importer_of(kind, path, wishes, columns, vault.schemas)))
    if map_file and answered and saved is None:
        replace_file(map_file, dump_map(next(iter(answered.values()))))
        ctx.out.note(f"The column map is kept in {map_file}: next time, no question is asked.")
    return planned


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder", "Name the files in it.")
        with path.open("rb") as source:
            if not source.seekable():
                raise InvalidInput(f"{path} is a pipe", "Save it as a file first: it is read more than once.")
            yield source
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Check the path.") from None


def _take(
    ctx: Context, vault: Database, planned: _Planned, dry_run: bool, refused: Callable[[bytes], object] | None
) -> Report:
    path, source, importer = planned
    name = path.name

    def note(one: Refused) -> None:
        if refused is not None:
            refused(refused_line(one))

    with ctx.working(f"reading {name}"):
        items = _counted(Reading(importer, source), ctx, f"{'reading' if dry_run else 'importing'} {name}")
        return vault.preview(items, note) if dry_run else vault.take(items, note)


def _counted(reading: Reading, ctx: Context, what: str) -> Iterator[Item]:
    rate, told = Rate(ctx.out, what, reading.size), 0
    for item in reading:
        if (done := reading.bytes_read) > told:
            rate(done - told)
            told = done
        yield item
    ctx.out.progress(f"{what}: all is read, finishing")


@contextmanager
def _lines_to(file: Path) -> Iterator[Callable[[bytes], object]]:
    """Yield what writes a line to the file, which appears when all is done."""
    with writing(file):
        if is_special(file):
            with file.open("wb") as sink:
                yield sink.write
        else:
            make_folder(file.parent)
            with replacing(file) as sink:
                yield sink.write


def _print(ctx: Context, path: Path, report: Report, dry_run: bool) -> None:
    counts = {state.value: report.states[state] for state in State}
    document: dict[str, Any] = {"file": str(path), "dryRun": dry_run, **counts, "refused": report.refused}
    document["records"] = [
        {"schema": schema, "category": category, "records": count}
        for (schema, category), count in sorted(report.records.items())
    ]
    document["firstRefused"] = [{"at": one.at, "member": one.member, "why": one.why} for one in report.first_refused]
    document["told"] = report.told
    ctx.out.result(document, table(_rows(path, report, dry_run)))
    for told in report.told:
        ctx.out.note(told)
    for one in report.first_refused:
        ctx.out.note(f"refused, {one}")
    if report.refused > len(report.first_refused):
        ctx.out.note(f"and {report.refused - len(report.first_refused):,} refused more; --refused FILE has all of them")


_WORDS = {
    State.NEW: ("New", "Would be new"),
    State.EDITED: ("Changed", "Would change"),
    State.KNOWN: ("Known already", "Known already"),
}


def _rows(path: Path, report: Report, dry_run: bool) -> list[Row]:
    rows: list[Row] = [("File", path)]
    rows += [(_WORDS[state][dry_run], f"{report.states[state]:,}") for state in State]
    rows.append(("Refused", f"{report.refused:,}"))
    for (schema, category), count in sorted(report.records.items()):
        rows.append(("Records", f"{count:,} of {schema}{', ' if category else ''}{category}"))
    return rows
