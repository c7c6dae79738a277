"""A draft's faults are told all at once, by the parser's own rules, and unwritten texts are refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from registry.client.drafts import Path, faults_of, member_fault
from registry.client.request import check_notice, fill_notice
from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.core.notices.document import parse_notice
from registry.present.notice_templates import LANGUAGES, cases, template
from tests.support.builders import CONTROLLER
from tests.support.stage import Stage

BRAND = {"name": "Maison Aurelle", "domain": "aurelle.example", "contact": "privacy@aurelle.example"}


def good() -> dict[str, Any]:
    return template("shop", **BRAND)


def filled(stage: Stage, draft: dict[str, Any]) -> bytes:
    return fill_notice(draft, CONTROLLER, stage.brand.recipient)


@pytest.mark.parametrize("case", cases())
class TestTemplates:
    """(item 16)"""

    def test_a_template_is_a_notice_that_wallets_accept(self, stage: Stage, case: str) -> None:
        raw = filled(stage, template(case, **BRAND))
        notice = check_notice(raw)
        assert set(notice.text) == set(LANGUAGES) == {"en", "fr"}
        assert b"[name]" not in raw and b"[contact]" not in raw and len(raw) < 16 * 1024
        assert all(BRAND["contact"] in text.rights for text in notice.text.values())

    def test_it_needs_no_special_name(self, stage: Stage, case: str) -> None:
        assert check_notice(filled(stage, template(case, name="L’Étoile & Fils", domain="b.example", contact="c")))

    def test_both_languages_say_the_same(self, case: str) -> None:
        english, french = (template(case, **BRAND)["text"][tag] for tag in LANGUAGES)
        assert english.keys() == french.keys() and english["labels"].keys() == french["labels"].keys()
        assert all(("30" in english[name]) == ("30" in french[name]) for name in english if name != "labels")


def test_an_unknown_case() -> None:
    with pytest.raises(InvalidInput, match="no template 'bank'") as caught:
        template("bank", **BRAND)
    assert "newsletter" in caught.value.advice


def test_every_fault_is_told_at_once(stage: Stage) -> None:
    """They were told one by one, each after the one before was corrected (item 16)."""
    draft = good() | {"maxDays": 0, "terms": "ieee-7012:SD-BAS", "surplus": 1}
    draft["controller"] = {"name": "", "domain": "X Y"}
    draft["scopes"][0]["data"] = ["photo"]
    draft["scopes"][1]["processing"] = []
    draft["text"]["en"] |= {"Grant": "I allow {controler}.", "rights": "TODO", "labels": {}}
    del draft["text"]["fr"]["trace"]
    with pytest.raises(Malformed, match="it has 15 faults") as caught:
        filled(stage, draft)
    told = "\n".join(caught.value.details)
    for part in (
        "surplus is no member",
        "controller.name is empty",
        "controller.domain 'X Y' is not a lower-case host name",
        "controller.contact is missing",
        "photo is not a known kind of data of DPV 2.3 (Did you mean pd:Picture?)",
        "scopes[1].processing: a scope's processing is empty",
        "ieee-7012:SD-BASE",
        "maxDays: Expected `int` >= 1",
        "text.en.Grant must hold each of",
        "text.en.rights is still to be written: 'TODO'",
        "text.fr.trace is missing",
        "text.en.labels.pd:EmailAddress is missing",
    ):
        assert part in told, part
    assert caught.value.advice.startswith("Correct the draft")


def test_a_single_fault_is_the_message(stage: Stage) -> None:
    with pytest.raises(Malformed, match="maxDays") as caught:
        filled(stage, good() | {"maxDays": 0})
    assert caught.value.details == ()


def without(document: dict[str, Any], path: Path) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    inner: Any = copy
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return copy


def members(value: Any, path: Path = ()) -> list[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    own = [path] if path and not isinstance(path[-1], int) else []
    return own + [each for name, member in inner for each in members(member, (*path, name))]


def test_each_missing_member_is_named(stage: Stage) -> None:
    """(item 16)"""
    document = json.loads(filled(stage, good()))
    for path in members(document):
        found = faults_of(without(document, path))
        if path[-1] in ("Grant", "Refusal"):
            continue  # a notice may have one of them alone, but in all languages alike
        if len(path) == 2 and path[0] == "text":
            assert found == []  # a language less
            continue
        assert len(found) == 1 and str(path[-1]) in found[0] and "missing" in found[0], (path, found)


@pytest.mark.parametrize("value", [None, 7, "", "..", [], {}, [7], {"a": 7}, "\u202e", "a{b}", "x" * 70_000])
def test_a_wrong_value_is_told_and_never_an_accident(stage: Stage, value: Any) -> None:
    """Whatever is written into a member: it is a notice, or the faults say why not (item 16)."""
    document = json.loads(filled(stage, good()))
    for path in members(document):
        copy = without(document, path)
        inner: Any = copy
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
        try:
            check_notice(codec.dump(copy))
        except (Malformed, InvalidInput) as error:
            assert str(error)
        else:
            assert path[0] == "more" or faults_of(copy) == []


def test_terms_are_sorted(stage: Stage) -> None:
    """A draft's terms had to be in the order of their bytes (item 16)."""
    draft = good()
    draft["scopes"][0]["processing"] = ["dpv:Use", "dpv:Collect", "dpv:Use", "dpv:Store"]
    assert parse_notice(filled(stage, draft)).scopes[0].processing == ("dpv:Collect", "dpv:Store", "dpv:Use")


@pytest.mark.parametrize(
    "text", ["..", "...", "…", "-", "???", "TODO", "todo", "TBD.", "xxx", "TODO: write", "Lorem ipsum dolor", "[name]"]
)
@pytest.mark.parametrize("path", [("controller", "name"), ("text", "fr", "retention"), ("text", "en", "labels")])
def test_a_text_that_is_not_written_is_refused(stage: Stage, path: tuple[str, ...], text: str) -> None:
    """People would sign a notice that says `..` (item 16)."""
    draft = good()
    raw = json.loads(filled(stage, draft))
    inner: Any = raw
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = text if path[-1] != "labels" else inner["labels"] | {"pd:Purchase": text}
    with pytest.raises(Malformed, match=r"still to be written|has no letter or digit|holds U\+005B"):
        check_notice(codec.dump(raw))


@pytest.mark.parametrize("name", ["TODO Group", "Todo Ltd", "Xxxtra", "東京", "3M", "Αθήνα", "Å"])
def test_names_that_only_look_unwritten(stage: Stage, name: str) -> None:
    assert check_notice(filled(stage, template("shop", name=name, domain="a.example", contact="c@a.example")))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("controller", "domain"), "Shop.Example", "not a lower-case host name"),
        (("controller", "name"), "a{b", "controller.name"),
        (("scopes", 3, "data"), ["photo", "email"], "pd:Picture.*pd:EmailAddress"),
        (("scopes", 0, "purposes"), [], "empty"),
        (("terms",), "SD-BASE", "ieee-7012:SD-BASE"),
        (("maxDays",), 4000, "3650"),
        (("maxDays",), "many", "Expected `int`"),
        (("text", "en", "and"), "", "empty"),
    ],
)
def test_one_answer_is_checked_by_itself(path: Path, value: Any, says: str) -> None:
    """(item 16)"""
    assert re.search(says, str(member_fault(path, value)))


def test_good_answers_pass(stage: Stage) -> None:
    document = json.loads(filled(stage, good()))
    for path in members(document):
        value: Any = document
        for part in path:
            value = value[part]
        if not isinstance(value, dict) and path != ("scopes",):
            assert member_fault(path, value) is None, path
