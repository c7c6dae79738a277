"""Publish a request of the brand's: sign it, keep it, and return its link."""

from __future__ import annotations

from collections.abc import Collection

from registry.brand.records import Asked
from registry.brand.settings import BrandSettings
from registry.brand.store import Store
from registry.client import request as use_case
from registry.client.party import Party
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Request


def publish(
    party: Party,
    settings: BrandSettings,
    store: Store,
    notice: bytes,
    *,
    purposes: Collection[str] | None = None,
    data: Collection[str] | None = None,
    days: int = 30,
    single: bool = False,
) -> tuple[Evidence, str]:
    """Sign a request for the notice, as `registry.client.request` does, and publish it; return it with its link.

    ``single`` lets one person answer it. ``InvalidInput`` where the notice names another domain or key than the
    profile: nobody's software would confirm it.
    """
    controller = use_case.check_notice(notice).controller
    if controller.domain != settings.domain or controller.recipient not in settings.recipients:
        advice = "Correct the notice or brand.toml: people's software compares them."
        raise InvalidInput("the notice names another domain or recipient than the brand's profile", advice)
    evidence = use_case.request(party, notice, purposes=purposes, data=data, days=days)
    message = evidence.statement.message
    assert isinstance(message, Request)
    times = message.issued_at, message.expires_at
    store.publish(Asked(evidence.digest, write_evidence(evidence), single, *times, notice=unhex(message.notice)))
    return evidence, settings.link(to_hex(evidence.digest))
