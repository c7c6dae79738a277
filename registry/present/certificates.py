"""The certificate of an erasure in words."""

from __future__ import annotations

from registry.core.evidence.certificate import EvidenceCertificate
from registry.core.sealed.certificate import CopySearched, Searched, ShredCertificate
from registry.present.text import Line, table
from registry.present.wording import terms

_COMPLETE = "All that is in reach was looked into: nothing is left."


def certificate_lines(made: ShredCertificate) -> list[str | Line]:
    """Say what was shredded, where it was looked for, and what stays out of reach."""
    rows = [
        ("Shredded", f"{counted(made.records, 'record')}, {counted(made.versions, 'version')}"),
        ("When", made.at),
        *(("Category", f"{terms([one.category])}: {counted(one.records, 'record')}") for one in made.categories),
        *((f"In {one.place}", _place(one)) for one in made.places),
        ("Working copy", _copy(made.copy)),
        *(("Still named in", name) for name in made.files),
        *(("Taken back", _taken(one.controller, one.records, one.erased)) for one in made.taken_back),
        *(("On a legal hold", f"until {one.until}: {one.reason}") for one in made.kept),
        *(("Out of reach", one) for one in made.remains),
    ]
    return [*table(rows), _done(made.is_complete)]


def evidence_certificate_lines(made: EvidenceCertificate) -> list[str | Line]:
    """Say how much evidence was shredded, where it was looked for, and what stays out of reach."""
    home = made.home
    searched = (
        f"{counted(home.files, 'file')} read, {home.looked_for:,} traces looked for, {home.found:,} files hold one"
    )
    rows = [
        ("Shredded", f"{counted(made.grants, 'grant')}, {counted(made.refusals, 'refusal')}"),
        ("When", made.day),
        *((f"From {one.folder}/", counted(one.files, "file")) for one in made.removed),
        *((f"In {one.place}", _place(one)) for one in made.places),
        ("Home", searched + (f", {home.unknown:,} could not be read" if home.unknown else "")),
        ("Vault's book", f"{home.book:,} traces found"),
        ("Working copy", _copy(made.copy)),
        *(("Out of reach", one) for one in made.remains),
    ]
    return [*table(rows), _done(made.is_complete)]


def _done(is_complete: bool) -> str:
    return _COMPLETE if is_complete else "Not all is known to be gone."


def _place(one: Searched) -> str:
    parts = [f"{one.blocks:,} blocks: {one.absent:,} absent"]
    parts += [f"{one.there:,} still there"] if one.there else []
    parts += [f"{one.unknown:,} could not be checked"] if one.unknown else []
    return ", ".join(parts)


def counted(number: int, what: str) -> str:
    """Return a number with what it counts, in the singular or the plural."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _copy(copy: CopySearched) -> str:
    text = f"{copy.pages:,} pages decrypted, {copy.looked_for:,} traces looked for, {copy.found:,} found"
    return text if copy.trouble is None else f"could not be checked: {copy.trouble}"


def _taken(controller: str, records: int, is_erased: bool) -> str:
    what = "the whole bundle" if is_erased else f"{counted(records, 'record')}, by tombstones"
    return f"from {controller}: {what}"
