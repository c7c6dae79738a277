"""``notary.toml``: how one notary works. It holds no secret."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from registry.config.service_file import SettingText, check_database, check_proxies
from registry.core.facts import MAX_DEPTH
from registry.core.merkle import MAX_BATCH

NOTARY_FILE = "notary.toml"
DAY = 86_400
_Count = Annotated[int, Meta(ge=0, le=10**9)]
_Seconds = Annotated[int, Meta(ge=1, le=DAY)]
_Text = SettingText


class NotarySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of ``notary.toml``; times are seconds.

    ``database`` is a ``postgresql://`` URL without a password (libpq reads that from its own files); empty means SQLite
    in the notary's folder. A batch closes after ``batch_items`` commitments or ``batch_seconds``. ``promise_seconds``
    and ``relay_seconds`` are how far ahead promises are due. ``spend_per_day`` is in the chain's currency.
    ``free_commitments``, ``free_endings`` and ``free_tokens`` are allowances of one network prefix for a day.
    ``requests_per_second`` and ``connections`` (at once) bound one prefix. ``proxies`` are addresses whose
    X-Forwarded-For is believed.
    """

    database: _Text = ""
    host: _Text = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8_600
    batch_items: Annotated[int, Meta(ge=1, le=MAX_BATCH)] = MAX_BATCH
    batch_seconds: _Seconds = 60
    promise_seconds: _Seconds = 900
    relay_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 300  # clients accept no longer promise of an ending
    confirmations: Annotated[int, Meta(ge=0, le=MAX_DEPTH)] = 3
    replace_seconds: _Seconds = 30
    max_fee_gwei: Annotated[float, Meta(gt=0, le=1e9)] = 500
    spend_per_day: Annotated[float, Meta(gt=0, le=1e12)] = 1
    free_commitments: _Count = 100
    free_endings: _Count = 100
    free_tokens: _Count = 20
    requests_per_second: Annotated[int, Meta(ge=1, le=10**6)] = 50
    connections: Annotated[int, Meta(ge=1, le=10**6)] = 100
    proxies: Annotated[tuple[_Text, ...], Meta(max_length=32)] = ()

    def __post_init__(self) -> None:
        if self.promise_seconds <= self.batch_seconds:
            raise ValueError("promise_seconds must be longer than batch_seconds")
        check_database(self.database)
        check_proxies(self.proxies)

    @property
    def max_seconds(self) -> int:
        """The longest span of a promise, as ``/v1/info`` tells it."""
        return max(self.promise_seconds, self.relay_seconds)
