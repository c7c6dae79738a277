"""Evidence of every kind and a hostile notice, for the tests of the evidence page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from registry.core.evidence.file import Evidence, with_acceptance, write_evidence
from registry.core.notices.plain_text import AND, LABEL, TEXT, Kind, find_fault
from registry.core.notices.unicode import nfc
from registry.present.evidence_html import evidence_page
from tests.support.builders import (
    acceptance_message,
    evidence_of,
    grant_message,
    notice_bytes,
    notice_document,
    refusal_message,
    request_message,
    word,
)

GRANT = evidence_of(grant_message(content=word(99), supersedes=word(5), request=word(6)))
ACCEPTANCE = evidence_of(acceptance_message(GRANT))
CASES = {
    "grant": GRANT,
    "accepted": with_acceptance(GRANT, ACCEPTANCE),
    "request": evidence_of(request_message()),
    "refusal": evidence_of(refusal_message()),
    "acceptance": ACCEPTANCE,
}
MARKUP = '</p></bdi><script>alert(1)</script><img src=x onerror=\'alert(2)\'>" onclick="alert(3)" & &amp; <style>*'


def page(evidence: Evidence, language: str = "en") -> str:
    return evidence_page(evidence, write_evidence(evidence), language).decode()


def branded(said: str, language: str = "en") -> Evidence:
    """A grant to a brand whose every free text is ``said``, as far as each of them may hold it, without braces."""
    document = notice_document()
    text, listed = as_plain(said, TEXT), as_plain(said, LABEL)
    words = dict.fromkeys(document["text"]["en"], text) | {"and": as_plain(said, AND)}
    words["Grant"] = f"{text} {{controller}} {{data}} {{purposes}} {{expires}}"
    words["Refusal"] = f"{text} {{controller}} {{purposes}}"
    labels = {term: f"{number} {listed}" for number, term in enumerate(document["text"]["en"]["labels"])}
    controller = document["controller"] | {"name": listed, "contact": text}
    notice = notice_bytes(controller=controller, text={language: words | {"labels": labels}}, more={said: said})
    return evidence_of(grant_message(notice, language), notice=notice)


def as_plain(said: str, kind: Kind) -> str:
    """As much of ``said`` as plain text of this kind may hold, with a letter after it."""
    kept = "".join(c for c in said if find_fault(f"1{c}1", kind) is None and c not in "{}")
    return nfc(re.sub(r"[ \u00a0\u202f\n]+", " ", kept).strip(" ")[: min(kind.limit - 9, 400)] + "x")


def checks(page: str) -> list[tuple[str, str]]:
    """(heading, state) of each proof on an English page."""
    return re.findall(r'<h3>([^<]+) <span class="state">\(([^)]+)\)</span></h3>', page)


class Seen(HTMLParser):
    """A page's elements with their attributes, and its text, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
