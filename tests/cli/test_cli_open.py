"""``open``: a brand gets what the view shows, and keeps it up to date; what is refused leaves the folder alone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_cli_vault import coat
from tests.support.consent_world import Consent, files_in, no_of


def updated(world: Consent, folder: Path) -> Path:
    """Write Alice's next update into the folder, and return its file."""
    done = world.json("vault", "sync", "--out", folder)
    return Path(done["update"])


def test_a_brand_opens_what_was_granted_and_brings_it_up_to_date(granted: Consent, tmp_path: Path) -> None:
    out, grant = tmp_path / "opened", granted.grant
    first = granted.json("open", grant, "--out", out, who="aurelle")
    (bundle,) = first["bundles"]
    lines = (out / "Purchase-1.jsonl").read_bytes().splitlines()
    assert bundle == {
        "path": str(out / "Purchase-1.jsonl"),
        "category": "pd:Purchase",
        "records": len(lines),
        "files": 0,
        "bytes": (out / "Purchase-1.jsonl").stat().st_size,
    }
    coat(granted)
    update = updated(granted, tmp_path / "updates")
    said = granted("open", grant, "--out", out, "--update", update, who="aurelle")
    assert said.out == f"{out / 'Purchase-1.jsonl'}  {len(lines) + 1} records  pd:Purchase\n"
    assert b"blue coat" in (out / "Purchase-1.jsonl").read_bytes()
    before = files_in(out)
    assert granted("open", grant, "--out", out, "--update", update, who="aurelle").code == 0, "the same one again"
    assert files_in(out) == before


def test_what_is_refused_leaves_the_folder_as_it_was(granted: Consent, tmp_path: Path) -> None:
    out, grant = tmp_path / "opened", granted.grant
    granted("open", grant, "--out", out, who="aurelle")
    coat(granted)
    update, before = updated(granted, tmp_path / "updates"), files_in(out)
    assert no_of(granted("open", grant, "--out", out, who="aurelle")) == (2, "InvalidInput")
    assert no_of(granted("open", grant, "--out", out, "--update", grant, who="aurelle"))[0] == 1
    assert no_of(granted("open", grant, "--out", out, "--update", "nowhere", who="aurelle")) == (2, "InvalidInput")
    late = granted("open", grant, "--out", tmp_path / "late", who="aurelle")
    assert late.code == 3 and "--update" in late.err, "the person's newest state is in the update"
    assert granted("open", grant, "--out", tmp_path / "late", "--update", update, who="aurelle").code == 0
    granted("revoke", grant, "--yes")
    assert no_of(granted("open", grant, "--out", out, "--update", update, who="aurelle")) == (1, "Revoked")
    assert files_in(out) == before


def test_opened_data_holds_no_key(granted: Consent, tmp_path: Path) -> None:
    granted("open", granted.grant, "--out", tmp_path / "opened", who="aurelle")
    assert not any(b"AGE-SECRET" in data for data in files_in(tmp_path / "opened").values())
    assert json.loads((tmp_path / "opened" / "opened.json").read_bytes())["update"] == 0
