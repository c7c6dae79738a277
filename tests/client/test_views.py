"""What a grant hands over: what the brand asks for, and less where the person says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from registry.client.grant import Proposal, propose
from registry.client.request import check_notice
from registry.core.errors import InvalidInput, Malformed
from registry.core.sealed.bundles import FILE, NAME, View
from registry.vault.draft import Draft
from tests.support.builders import NOW
from tests.support.stage import EMAILS, PURCHASES, Stage

ASKED = {"category": PURCHASES, "members": ["name", "price"], "days": 90, "continuing": True}
DAY = 86_400


def proposed(stage: Stage, *fields: dict[str, Any], **choice: Any) -> Proposal:
    return propose(stage.alice, stage.asked(list(fields) or [ASKED]), **choice)


def views(proposal: Proposal) -> list[View]:
    return [each.view for each in proposal.previews]


def values(proposal: Proposal) -> list[dict[str, Any] | None]:
    return [record.body for each in proposal.previews for record in each.first]


def bought(stage: Stage, *days: str) -> None:
    for day in days:
        stage.bought(f"on {day}", day=day)


# The stage's grants are dated 2026-09-21.
def test_the_members_and_the_days_that_the_notice_names(stage: Stage) -> None:
    assert NOW // DAY == 20_717
    bought(stage, "2026-06-22", "2026-06-23", "2026-09-20")
    proposal = proposed(stage)
    assert views(proposal) == [View(PURCHASES, ("name", "price"), from_="2026-06-23", continuing=True)]
    assert values(proposal) == [
        {"name": "on 2026-09-20", "price": "12.50"},
        {"name": "on 2026-06-23", "price": "12.50"},
    ]


def test_each_schema_with_its_own_members_source_and_tags(stage: Stage) -> None:
    stage.bought("coat", source="by hand", tags=("gift",))
    stage.keep(b"scan")
    one = {"category": PURCHASES, "members": ["name"], "schema": "purchase/1", "source": True, "tags": True}
    file = {"category": PURCHASES, "members": [FILE], "schema": "file/1"}
    proposal = proposed(stage, one, file)
    assert [each.records for each in proposal.previews] == [1, 1]
    (record,) = proposal.previews[0].first
    assert (record.source, record.tags, record.body) == ("by hand", ("gift",), {"name": "coat"})
    assert proposal.previews[1].first[0].file is not None


def test_a_datum_of_which_the_notice_says_nothing_is_asked_for_whole_and_once(stage: Stage) -> None:
    stage.bought("coat")
    body = {"name": "hat", "orderDate": "2026-01-31", "colour": "blue", "$odd": "x"}
    stage.alice.vault.add([Draft(PURCHASES, "purchase/1", body=body)])
    proposal = propose(stage.alice, stage.request())
    assert views(proposal) == [View(PURCHASES, (FILE, "colour", "name", "orderDate", "price"))]
    assert proposal.previews[0].records == 2


def test_a_name_of_a_file_stays_unless_the_person_gives_it(stage: Stage) -> None:
    """The name stands in the file, and in the body of its record too."""
    source = "alice's own name 6"
    stage.keep(b"bought")
    (record,) = propose(stage.alice, stage.request()).previews[0].first
    assert record.file is not None and record.file.name == "file.csv" and source not in str(record.body)
    (given,) = propose(stage.alice, stage.request(), names=True).previews[0].first
    assert given.file is not None and given.file.name == source
    assert NAME not in views(proposed(stage, names=True))[0].members, "no file was asked for"


def test_the_name_in_a_files_own_body_stays_too(stage: Stage) -> None:
    body = {"name": "for my lawyer.pdf", "path": "secret/for my lawyer.pdf", "dateModified": "2026-01-31"}
    stage.alice.vault.add([Draft(PURCHASES, "file/1", body=body)])
    assert values(propose(stage.alice, stage.request())) == [{"dateModified": "2026-01-31"}]
    assert values(propose(stage.alice, stage.request(), names=True)) == [body]


def test_a_view_that_shows_nothing_is_left_out_unless_later_records_follow(stage: Stage) -> None:
    assert [each.records for each in proposed(stage).previews] == [0]
    assert proposed(stage, once=True).previews == ()
    assert propose(stage.alice, stage.request()).previews == ()


@pytest.mark.parametrize(
    ("choice", "members"),
    [
        ({"fields": {PURCHASES: ["name"]}}, ("name",)),
        ({"fields": {PURCHASES: ["price", "name", "price"]}}, ("name", "price")),
    ],
)
def test_the_person_narrows_the_members(stage: Stage, choice: dict[str, Any], members: Iterable[str]) -> None:
    stage.bought("coat", day="2026-09-01")
    assert views(proposed(stage, **choice))[0].members == members


@pytest.mark.parametrize(
    ("choice", "period"),
    [
        ({"since": "2026-09-01"}, ("2026-09-01", None)),
        ({"since": "2026-09-01T12:00:00+02:00"}, ("2026-09-01T12:00:00+02:00", None)),
        ({"since": "2020-01-01"}, ("2026-06-23", None)),
        ({"until": "2026-09-10"}, ("2026-06-23", "2026-09-10")),
        ({"since": "2026-09-01", "until": "2026-09-10"}, ("2026-09-01", "2026-09-10")),
    ],
)
def test_the_person_narrows_the_period(
    stage: Stage, choice: dict[str, Any], period: tuple[str | None, str | None]
) -> None:
    view = views(proposed(stage, **choice))[0]
    assert (view.from_, view.until) == period


def test_the_person_hands_over_once(stage: Stage) -> None:
    stage.bought("coat", day="2026-09-01")
    assert not views(proposed(stage, once=True))[0].continuing


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"fields": {PURCHASES: ["seller"]}}, "'seller' of pd:Purchase is not asked for"),
        ({"fields": {PURCHASES: [NAME]}}, "is not asked for"),
        ({"fields": {PURCHASES: []}}, "no member of pd:Purchase is chosen"),
        ({"fields": {"pd:Age": ["age"]}}, "pd:Age is not asked for"),
        ({"fields": {PURCHASES: ["name"]}, "data": [EMAILS]}, "pd:Purchase is not asked for, or not granted"),
        ({"since": "01/02/2026"}, "since: "),
        ({"until": "2026-02-30"}, "until: .*no such day"),
        ({"since": "2026-09-01T10:00:00"}, "since: .*zone"),
        ({"since": "2026-09-01", "until": "2026-09-01"}, "nothing lies"),
    ],
)
def test_what_cannot_be_chosen(stage: Stage, choice: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        proposed(stage, **choice)
    assert caught.value.advice and stage.alice.vault.shares.all() == ()


def test_a_bad_notice_is_told_to_the_brand_and_to_the_person(stage: Stage) -> None:
    bad = [{"category": "pd:Age", "members": ["age"]}]
    with pytest.raises(Malformed, match=r"more\.fields\[0\]\.category"):
        check_notice(stage.notice(more={"fields": bad}))


def test_what_goes_is_in_the_summary(stage: Stage) -> None:
    stage.bought("coat", "hat", day="2026-09-01")
    (records,) = proposed(stage).summary().records or ()
    assert (records.count, records.members, records.from_, records.continuing) == (
        2,
        ("name", "price"),
        "2026-06-23",
        True,
    )
    assert (records.file, records.extras, records.until) == ("", (), "")
