"""The questions of `consent notice new`. Each answer is checked at once, by the rules of the parser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from registry.cli.ui.prompts import ask_text
from registry.client.drafts import Path, known_labels, member_fault
from registry.core.errors import InvalidInput
from registry.core.notices.document import TEXTS
from registry.present.notice_templates import cases, template
from registry.present.vocabulary import label

_BRAND = {"name": "Name of the brand", "domain": "Its domain, as shop.example", "contact": "Where people reach it"}
_TERMS = {
    "purposes": "What for (purposes)",
    "data": "Which data",
    "processing": "What is done with it (processing)",
}
_FIRST = "Enter keeps what stands in brackets. `consent vocabulary WORD` finds terms."


def ask_draft(case: str | None, brand: dict[str, str]) -> dict[str, Any]:
    """Ask for what is missing of a draft: of a named ``case`` only the brand, otherwise everything.

    ``InvalidInput`` where there is no terminal, with all that is missing.
    """
    if not sys.stdin.isatty():
        _refuse_missing(case, brand)
    else:
        _say(_FIRST)
    chosen = case or _ask_case()
    template(chosen, name="", domain="", contact="")  # refuses an unknown case before the first question
    told = {name: brand.get(name) or _ask(("controller", name), said) for name, said in _BRAND.items()}
    draft = template(chosen, name=told["name"], domain=told["domain"], contact=told["contact"])
    return _edited(draft) if case is None else draft


def _refuse_missing(case: str | None, brand: dict[str, str]) -> None:
    missing = [f"--{name}" for name in _BRAND if name not in brand]
    if case is None:
        advice = f"Name a draft, or one of the templates with --template: {', '.join(cases())}."
        raise InvalidInput("there is no draft, and no terminal to ask at", advice)
    if missing:
        raise InvalidInput(f"a template needs {', '.join(missing)}", "Give them, or run it in a terminal.")


def _ask_case() -> str:
    while (case := ask_text(f"Which case is nearest ({', '.join(cases())})", "shop")) not in cases():
        _say(f"There is no case {case!r}.")
    return case


def _edited(draft: dict[str, Any]) -> dict[str, Any]:
    for number, scope in enumerate(draft["scopes"]):
        if len(draft["scopes"]) > 1:
            _say(f"Part {number + 1} of {len(draft['scopes'])}:")
        for name, said in _TERMS.items():
            scope[name] = _ask(("scopes", number, name), said, ", ".join(scope[name]), _terms)
    draft["terms"] = _ask(("terms",), "Under which agreement", draft["terms"])
    draft["maxDays"] = _ask(("maxDays",), "For how many days at most", str(draft["maxDays"]), _number)
    for tag, text in draft["text"].items():
        _ask_labels(draft["scopes"], tag, text)
        for name in TEXTS:
            text[name] = _ask(("text", tag, name), f"Text about {name} ({tag})", text[name])
    return draft


def _ask_labels(scopes: list[dict[str, Any]], tag: str, text: dict[str, Any]) -> None:
    used = sorted({term for scope in scopes for term in (*scope["purposes"], *scope["data"])})
    words = known_labels(used) | text["labels"]
    text["labels"] = {
        term: _ask(("text", tag, "labels", term), f"Your words for {label(term)} ({tag})", words.get(term, ""))
        for term in used
    }


def _ask(path: Path, question: str, default: str = "", read: Callable[[str], Any] = str) -> Any:
    while True:
        value = read(ask_text(question, default))
        fault = member_fault(path, value)
        if fault is None:
            return value
        _say(f"This {fault}." if fault.startswith("is ") else f"{fault}.")


def _terms(answer: str) -> list[str]:
    return sorted({term.strip() for term in answer.split(",") if term.strip()})


def _number(answer: str) -> int | str:
    return int(answer) if answer.isascii() and answer.isdigit() else answer


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
