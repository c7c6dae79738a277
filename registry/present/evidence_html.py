"""An evidence file as one page to read and to print: no script, no request, nothing of a brand's as markup.

Showing is not verifying, and the page says so. What a file proves by itself is computed and marked; the rest is for
the chain, whose answer no page can hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from msgspec import UNSET

from registry.core.crypto.revocation import salt_hash
from registry.core.errors import NotConsented
from registry.core.evidence.file import Evidence, acceptance_evidence
from registry.core.evidence.proofs import Proof, proofs
from registry.core.ipld.cid import cid_from_digest
from registry.core.notices.document import Notice, languages
from registry.core.notices.rendering import render
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Grant, Refusal
from registry.core.statements.typed_data import typed_data
from registry.core.times import format_utc
from registry.present.html import Html, escaped, joined, tag
from registry.present.html_layout import Sheet
from registry.present.summary import NOTICE_TEXTS
from registry.present.vocabulary import label

_MARKS = {"yes": "✓", "no": "✗", "chain": "?", "none": "·"}
_STATES = {True: "yes", False: "no", None: "chain"}
# One member of a type is one line.
_PAIR = re.compile(r'\{\s+("name": "\w+"),\s+("type": "[a-z0-9\[\]]+")\s+\}')
_Rows = Iterable[tuple[str, str]]


def evidence_page(evidence: Evidence, raw: bytes, language: str = "en") -> bytes:
    """The page for evidence whose file holds ``raw``: UTF-8 HTML. ``language`` is that of our own words, not the
    brand's; ``InvalidInput`` for one that we do not speak."""
    return _Page(evidence, raw, language).whole()


class _Page:
    def __init__(self, evidence: Evidence, raw: bytes, language: str) -> None:
        self.evidence, self.raw = evidence, raw
        self.sheet = Sheet("evidence", language)
        self.say, self.section, self.rows = self.sheet.say, self.sheet.section, self.sheet.rows
        self.message: Any = evidence.statement.message
        self.notice = evidence.parsed_notice
        self.spoken = None if self.notice is None else _spoken(self.notice, self.message, language)
        self.proofs = proofs(evidence)

    def whole(self) -> bytes:
        sections = (self._in_words, self._proved, self._times, self._place, self._ending, self._said, self._exact)
        return self.sheet.whole(self._title(), self._head(), *(section() for section in sections))

    # Words ---------------------------------------------------------------------------------------------------

    def _brand(self, text: str) -> Html:
        """What the notice says, in its language, whichever way that is written."""
        return tag("bdi", text, lang=self.spoken)

    def _who(self) -> Html:
        return escaped(self.message.controller) if self.notice is None else self._brand(self.notice.controller.name)

    def _title(self) -> Html:
        who = self.message.controller if self.notice is None else self.notice.controller.name
        return self.say(self.evidence.kind, who=who)

    def _digest(self) -> str:
        return to_hex(self.evidence.digest)

    # Sections ------------------------------------------------------------------------------------------------

    def _head(self) -> Html:
        kind, command = self.evidence.kind, _command("consent verify FILE")
        top = joined(
            tag("p", self.say("file"), class_="kind"),
            tag("h1", self.say(kind, who=self._who())),
            tag("p", self.say(f"summary.{kind}")),
        )
        warning = self._callout("warn", "warning", command=command)
        broken = any(proof.holds is False for proof in self.proofs)
        return joined(tag("header", top), warning, *([self._callout("bad", "broken")] if broken else []))

    def _callout(self, kind: str, key: str, **values: str) -> Html:
        text = tag("p", tag("strong", self.say(key)), " ", self.say(f"{key}.text", **values))
        return tag("aside", text, class_=f"notice {kind}")

    def _in_words(self) -> Html:
        sentence: list[Html] = []
        if isinstance(self.message, Grant | Refusal):
            said = tag("p", self.message.statement, dir="auto")
            sentence = [tag("blockquote", said, lang=self.spoken), tag("p", self.say("sentence"), class_="small")]
        return self.section("words", *sentence, self.rows(self._facts()))

    def _facts(self) -> _Rows:
        message, notice = self.message, self.notice
        account = self.say("account", address=tag("code", message.controller))
        if notice is None:
            yield "signer", account
        else:
            yield "who", joined(self._who(), f" ({notice.controller.domain}), ", account)
        for key in ("purposes", "data"):
            if values := getattr(message, key, ()):
                yield key, tag("ul", *map(self._term, values))
        if hasattr(message, "expires_at"):
            yield "until" if isinstance(message, Grant) else "answer", format_utc(message.expires_at)
            yield "terms", joined(label(message.terms), " ", tag("span", f"[{message.terms}]", class_="term"))
        yield from self._links()

    def _links(self) -> _Rows:
        message = self.message
        if hasattr(message, "subject"):
            yield "person", tag("code", message.subject)
        if getattr(message, "content", ZERO_WORD) != ZERO_WORD:
            cid = cid_from_digest(unhex(message.content))
            yield "content", self.say("content.text", who=self._who(), cid=tag("code", cid))
        for key, name in (("replaces", "supersedes"), ("answers", "request"), ("grant", "grant")):
            if getattr(message, name, ZERO_WORD) != ZERO_WORD:
                yield key, tag("code", getattr(message, name))

    def _term(self, term: str) -> Html:
        labels = {} if self.notice is None or self.spoken is None else self.notice.text[self.spoken].labels
        name = self._brand(labels[term]) if term in labels else escaped(label(term))
        return tag("li", name, " ", tag("span", f"[{term}]", class_="term"))

    def _proved(self) -> Html:
        rows = [self._proof(proof) for proof in self.proofs if proof.name != "acceptance"]
        if self.evidence.anchor is not UNSET:
            rows.append(self._row("anchor", "chain", self.say("anchor.chain")))
        if self.evidence.kind in ("Grant", "Request"):
            rows.append(self._row("ended", "chain", self.say("ended.chain")))
        if self.evidence.kind == "Grant":
            found = [self._proof(proof) for proof in self.proofs if proof.name == "acceptance"]
            none = self.say("acceptance.none", controller=tag("code", self.message.controller))
            rows += found or [self._row("acceptance", "none", none)]
        if self.evidence.kind == "Acceptance":
            command = _command("consent verify FILE --grant GRANT")
            rows.append(self._row("accepts", "chain", self.say("accepts.chain", command=command)))
        claims = tag("ul", *(tag("li", claim) for claim in self._claims()), class_="plain")
        return self.section("proofs", tag("ul", *rows, class_="proofs"), tag("h3", self.say("claims")), claims)

    def _proof(self, proof: Proof) -> Html:
        state, evidence = _STATES[proof.holds], self.evidence
        key = f"{proof.name}.{state}"
        if proof.name == "signature" and evidence.mandate is not UNSET:
            key = "signature.mandate"
        anchor, part = evidence.anchor, acceptance_evidence(evidence)
        values = {
            "author": tag("code", evidence.author),
            "controller": tag("code", self.message.controller),
            "why": tag("span", proof.why, lang="en"),
            "root": "" if anchor is UNSET else tag("code", anchor.root),
            "steps": "" if anchor is UNSET else str(len(anchor.proof)),
            "time": "" if part is None else format_utc(part.statement.message.issued_at),
        }
        return self._row(proof.name, state, self.say(key, **values))

    def _row(self, key: str, state: str, text: Html) -> Html:
        mark = tag("span", _MARKS[state], class_="mark", aria_hidden="true")
        head = tag("h3", self.say(key), " ", tag("span", "(", self.say(state), ")", class_="state"))
        return tag("li", mark, tag("div", head, tag("p", text)), class_=state)

    def _claims(self) -> Iterable[Html]:
        message, anchor = self.message, self.evidence.anchor
        if self.notice is not None:
            brand = self.notice.controller
            account = tag("code", message.controller)
            yield self.say("claim.brand", controller=account, who=self._who(), domain=brand.domain)
        if hasattr(message, "subject"):
            yield self.say("claim.person", subject=tag("code", message.subject))
        yield self.say("claim.issued", time=format_utc(message.issued_at))
        if anchor is not UNSET:
            transaction = tag("code", anchor.transaction)
            yield self.say("claim.hints", transaction=transaction, block=str(anchor.block))

    def _times(self) -> Html:
        message, part = self.message, acceptance_evidence(self.evidence)
        rows = [("issued", format_utc(message.issued_at))]
        if isinstance(message, Grant):
            rows += [("from", format_utc(message.not_before)), ("until", format_utc(message.expires_at))]
        elif hasattr(message, "expires_at"):
            rows.append(("answer", format_utc(message.expires_at)))
        if part is not None:
            rows.append(("accepted", format_utc(part.statement.message.issued_at)))
        if self.evidence.anchor is not UNSET:
            rows.append(("anchored", self.say("anchored.text")))
        return self.section("times", self.rows(rows))

    def _place(self) -> Html:
        domain, anchor, handle = self.evidence.statement.domain, self.evidence.anchor, self.evidence.handle
        rows = [("number", str(domain.chain_id)), ("registry", tag("code", domain.verifying_contract))]
        if anchor is not UNSET:
            rows.append(("root", tag("code", anchor.root)))
        if handle is not None:
            rows.append(("handle", self.say("handle.text", handle=tag("code", handle))))
        return self.section("place", self.rows(rows))

    def _ending(self) -> Html:
        message = self.message
        until = format_utc(message.expires_at) if hasattr(message, "expires_at") else ""
        first = tag("p", self.say(f"end.{self.evidence.kind}", until=until))
        if not isinstance(message, Grant):
            return self.section("end", first)
        command = _command(f"consent revoke {self._digest()[:14]}")
        function = tag("code", "revokeOpenly(lock, saltHash)")
        openly = self.say("end.openly", subject=tag("code", message.subject), function=function)
        values = {"lock": message.revocation, "saltHash": salt_hash(message.salt)}
        listed = tag("dl", *(joined(tag("dt", k), tag("dd", tag("code", v))) for k, v in values.items()))
        ways = [self.say("end.private", command=command), joined(openly, listed), self.say("end.itself", until=until)]
        return self.section("end", first, tag("ul", *(tag("li", way) for way in ways), class_="plain"))

    def _said(self) -> Html:
        notice = self.notice
        if notice is None or self.spoken is None:
            return Html()
        brand = notice.controller
        by = self.say("said.by", who=self._who(), domain=brand.domain, contact=self._brand(brand.contact))
        others = [tag("details", tag("summary", self.say("inlanguage", language=other)), self._texts(notice, other))
                  for other in languages(notice) if other != self.spoken]  # fmt: skip
        return self.section("said", self._texts(notice, self.spoken), tag("p", by, class_="small"), *others)

    def _texts(self, notice: Notice, language: str) -> Html:
        text = notice.text[language]
        values = {key: getattr(text, key) for key in NOTICE_TEXTS}
        rows = (joined(tag("dt", self.say(k)), tag("dd", v, lang=language, dir="auto")) for k, v in values.items())
        return tag("dl", *rows)

    def _exact(self) -> Html:
        evidence = self.evidence
        rows = [("digest", self._digest()), ("filehash", to_hex(sha256(self.raw).digest()))]
        if evidence.notice is not UNSET:
            hashed = sha256(evidence.notice.encode()).digest()
            rows += [("noticehash", to_hex(hashed)), ("cid", cid_from_digest(hashed))]
        rows.append(("signed", evidence.signature))
        shown = self.rows((key, tag("code", value)) for key, value in rows)
        part = acceptance_evidence(evidence)
        accepted = [] if part is None else [self._typed("typed.acceptance", part)]
        made = tag("p", self.say("made"), class_="small")
        return self.section("exact", made, shown, self._typed("typed", evidence), *accepted)

    def _typed(self, key: str, evidence: Evidence) -> Html:
        document = typed_data(evidence.statement.domain, evidence.statement.message)
        lines = _PAIR.sub(r"{\1, \2}", json.dumps(document, indent=2, ensure_ascii=False)).split("\n")
        exact = Html("\n".join(escaped(line) for line in lines))
        return tag("details", tag("summary", self.say(key)), tag("pre", exact))


def _command(line: str) -> Html:
    return tag("code", line, class_="command")


def _spoken(notice: Notice, message: Any, preferred: str) -> str:
    """The language that was signed, where a sentence tells; else the preferred one, English or the first."""
    if isinstance(message, Grant | Refusal):
        for language in languages(notice):
            try:
                if render(notice, language, message) == message.statement:
                    return language
            except NotConsented:
                break
    return next((one for one in (preferred, "en") if one in notice.text), languages(notice)[0])
