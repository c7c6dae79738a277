"""A brand's request as a page for a person who follows its link: who asks what, and how to answer. No script."""

from __future__ import annotations

from markupsafe import Markup

from registry.core.evidence.file import Evidence
from registry.core.notices.document import TEXTS, languages
from registry.core.notices.processing import processing_of
from registry.core.statements.messages import Request
from registry.present.html import render_page
from registry.present.summary import training_of
from registry.present.vocabulary import described

STYLE = "evidence"


def request_html(request: Evidence, link: str, language: str = "en", code: str = "") -> bytes:
    """Return the page of a Request that is answered through ``link``: UTF-8 HTML.

    ``language`` is that of our own words. Raises ``InvalidInput`` for one that we do not have. ``code`` is the link as
    a QR code: SVG of the caller's own making, which becomes part of the page as it is.
    """
    message, notice = request.statement.message, request.parsed_notice
    assert isinstance(message, Request) and notice is not None  # the parser refuses a Request without a notice
    own = [each for each in languages(notice) if each.partition("-")[0] == language]
    spoken = next((each for each in (language, *own, "en") if each in notice.text), languages(notice)[0])
    labels = notice.text[spoken].labels
    processing = described(processing_of(notice, message.purposes, message.data))
    values = {
        "message": message,
        "notice": notice,
        "spoken": spoken,
        "link": link,
        "qr": Markup(code),  # noqa: S704 - the caller's own SVG
        "notice_texts": TEXTS,
        "agreement": described([message.terms])[0],
        "training": training_of(processing),
        "terms": {
            "purposes": described(message.purposes, labels),
            "data": described(message.data, labels),
            "processing": processing,
        },
    }
    return render_page("request", language, values, STYLE)
