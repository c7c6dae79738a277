"""A party's evidence, in a folder: whole files by digest, and a cache of what a list needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registry.client.accept import accept
from registry.client.accounts import brand_names, brands_that_know
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant, refuse
from registry.core.errors import InvalidInput
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.stage import Stage


def cache(kept: EvidenceFolder) -> Path:
    return kept.path / "cache" / "evidence.json"


@pytest.fixture
def kept(stage: Stage, tmp_path: Path) -> EvidenceFolder:
    store = EvidenceFolder(tmp_path / "mine")
    store.keep(stage.granted().evidence)
    stage.pass_time(10)
    store.keep(refuse(stage.alice, stage.request()).evidence)
    return store


def test_every_use_case_keeps_what_was_signed(stage: Stage) -> None:
    """A server gets the same guarantee as the command line: what was anchored is not lost."""
    asked = stage.request()
    done, refusal = grant(stage.alice, asked), refuse(stage.alice, asked)
    completed = accept(stage.brand, done.evidence)
    for party, result in ((stage.alice, done), (stage.alice, refusal), (stage.brand, completed)):
        digest = to_hex(result.evidence.digest)
        assert party.evidence.find(digest) == write_evidence(result.evidence)
        assert Path(result.kept).read_bytes() == write_evidence(result.evidence)
    (request,) = (stage.folder / "brand" / "kept" / "requests").iterdir()
    assert request.read_bytes() == asked


def test_the_list_reads_no_file(kept: EvidenceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = kept.entries()
    assert [entry.kind for entry in entries.values()] == ["Grant", "Refusal"]
    monkeypatch.setattr("registry.client.evidence_store.parse_evidence", None)
    assert kept.entries() == entries and kept.digests() == set(entries)


@pytest.mark.parametrize("damage", ["missing", "not json", "other json", "less"])
def test_the_cache_can_be_lost(kept: EvidenceFolder, damage: str) -> None:
    entries = kept.entries()
    contents = {"not json": b"{", "other json": b"[1]", "less": b"{}"}
    if damage == "missing":
        cache(kept).unlink()
    else:
        cache(kept).write_bytes(contents[damage])
    before = cache(kept).read_bytes() if cache(kept).exists() else None
    assert kept.entries() == entries
    assert (cache(kept).read_bytes() if cache(kept).exists() else None) == before  # reading writes nothing


@pytest.mark.parametrize("obstacle", ["damaged evidence", "cache is a file", "index is a folder", "deep index"])
def test_nothing_in_the_way_of_the_cache_fails_what_is_anchored(stage: Stage, obstacle: str) -> None:
    """The cache once failed a grant after its anchor, so that the grant that it superseded lived on."""
    home, old = stage.folder / "alice" / "kept", stage.granted().evidence
    shutil.rmtree(home / "cache")
    if obstacle == "damaged evidence":
        (home / "evidence" / f"0x{'ab' * 32}.json").write_bytes(b"{")
    elif obstacle == "cache is a file":
        (home / "cache").write_bytes(b"")
    elif obstacle == "index is a folder":
        (home / "cache" / "evidence.json").mkdir(parents=True)
    else:
        (home / "cache").mkdir()
        (home / "cache" / "evidence.json").write_bytes(b'{"0x1":{"zz":' + b"[" * 100_000 + b"]" * 100_000 + b"}}")
    done = stage.granted(supersedes=old)
    assert [stage.holds(e) for e in (old, done.evidence)] == ["Revoked", "VerifiedGrant"]
    assert to_hex(done.evidence.digest) in stage.alice.evidence.digests()


def test_a_file_that_went_is_not_listed(kept: EvidenceFolder) -> None:
    first, second = kept.entries()
    (kept.path / "evidence" / f"{first}.json").unlink()
    assert list(kept.entries()) == [second]


def test_a_damaged_file_is_named_and_does_not_hide_the_others(kept: EvidenceFolder) -> None:
    """An ending asks only for digests, so one damaged file must not keep a person from ending a grant."""
    (kept.path / "evidence" / f"0x{'ab' * 32}.json").write_bytes(b"{")
    assert len(kept.digests()) == 3
    with pytest.raises(InvalidInput, match=f"0x{'ab' * 32}.json is damaged"):
        list(kept.all())


@pytest.mark.parametrize("digest", ["0x12", "123", "grant.json", "0xZZZZZZ", "", "0x" + "1" * 65])
def test_what_is_no_digest(kept: EvidenceFolder, digest: str) -> None:
    with pytest.raises(InvalidInput, match="is not a digest"):
        kept.find(digest)


def test_a_few_digits_name_a_file(kept: EvidenceFolder) -> None:
    """Six digits were needed (section E)."""
    for digest in kept.digests():
        raw = kept.find(digest)
        for written in (digest[:6], digest[:7], digest[:33], digest):
            assert kept.find(written) == raw


def test_digits_that_name_two_files_list_both(kept: EvidenceFolder) -> None:
    """Only their number was told (section E)."""
    twins = [f"0xabcd{last * 60}" for last in "01"]
    for name, digest in zip(twins, kept.digests(), strict=True):
        (kept.path / "evidence" / f"{name}.json").write_bytes(kept.find(digest))
    (kept.path / "evidence" / f"0xabcd{'2' * 60}.json").write_bytes(b"{")
    with pytest.raises(InvalidInput, match="3 digests begin with 0xabcd") as caught:
        kept.find("0xabcd")
    assert "0xabcd00000000 (" in caught.value.advice and "0xabcd11111111 (" in caught.value.advice
    assert "(Grant, " in caught.value.advice and "(Refusal, " in caught.value.advice
    assert "0xabcd22222222 (damaged)" in caught.value.advice


def test_candidates_are_told_as_far_as_they_differ(kept: EvidenceFolder) -> None:
    """(section E)"""
    for last in "01":
        (kept.path / "evidence" / f"0x{'ab' * 20}{last * 24}.json").write_bytes(b"{")
    with pytest.raises(InvalidInput, match="2 digests begin") as caught:
        kept.find("0xabab")
    assert f"0x{'ab' * 20}0 (damaged), 0x{'ab' * 20}1 (damaged)" in caught.value.advice


def test_a_request_is_found_at_its_digest(stage: Stage) -> None:
    """A request whose --out file was lost could not be named (item 19)."""
    raw = stage.request()
    assert stage.brand.evidence.find(to_hex(parse_evidence(raw).digest)[:12]) == raw


def test_brands_by_their_names(stage: Stage) -> None:
    grant(stage.alice, stage.request())
    first = stage.brand.address
    stage.brand = stage.another_brand("bazaar")
    grant(stage.alice, stage.request())
    names = brand_names(stage.alice.evidence)
    assert set(names) == {first, stage.brand.address}
    others = brands_that_know(stage.alice.evidence, stage.alice.address, stage.brand.address)
    assert others == [names[first]]
    assert brands_that_know(stage.alice.evidence, stage.brand.address, first) == []
