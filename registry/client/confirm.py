"""Ask a brand's domain whether the account that asks for consent speaks for it (docs/formats.md, "Profile").

Nobody learns who asks: no cookie, no referrer, no cache. What cannot be fetched is "not confirmed", never "confirmed".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from registry.client.web import Resolve, Web
from registry.config.network_file import read_domains
from registry.core import codec
from registry.core.eip712 import Domain
from registry.core.errors import InvalidInput, Malformed
from registry.core.evidence.file import Evidence
from registry.core.profiles import MAX_PROFILE, PATH, Profile, parse_profile, why_unconfirmed
from registry.core.scalars import Address, UInt64
from registry.fs.files import make_folder, read_bounded, replace_file
from registry.net.http import TooLarge, Unreachable

SECONDS = 10.0
_MAX_SEEN = 4096
_LONGEST = 180
_HEADERS = {"Accept": "application/json"}


class Standing(StrEnum):
    """How a brand's account stands with its domain."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not confirmed"
    CHANGED = "changed"


class Confirmation(NamedTuple):
    """What a domain says of an account, and why it is not simply confirmed. ``before`` is the account of last time.

    ``inbox`` is the URL that takes answers; empty where the account is not confirmed.
    """

    domain: str
    account: str
    standing: Standing
    why: str = ""
    before: str = ""
    inbox: str = ""


class _Seen(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The account that a domain confirmed last, and when (unix seconds)."""

    account: Address
    at: UInt64


_seen = msgspec.json.Decoder(_Seen)


class Confirmations:
    """Checks domains, and remembers in a ``folder`` of the home which account each one confirmed last.

    ``domains`` maps the names of a development network to URLs on this machine; everything else is asked by HTTPS.
    """

    def __init__(self, folder: Path, domains: Mapping[str, str] | None = None, resolve: Resolve | None = None) -> None:
        self._folder, self._web = folder, Web(domains, resolve)

    def check(self, domain: Domain, request: Evidence, now: int) -> Confirmation:
        """Fetch the profile of the request's domain and judge it; nothing is written. ``now`` is in unix seconds."""
        notice = request.parsed_notice
        assert notice is not None  # the parser refuses a request without one
        host, account = notice.controller.domain, notice.controller.account
        inbox = ""
        try:
            profile = self._fetched(host)
            why, inbox = why_unconfirmed(profile, domain, request, now), profile.inbox
        except (Unreachable, TimeoutError, TooLarge, Malformed, InvalidInput) as error:
            why = str(error) or f"{host} did not answer within {SECONDS:.0f} seconds"
        if why is not None:
            return Confirmation(host, account, Standing.NOT_CONFIRMED, why, self._before(domain, host, account))
        if before := self._before(domain, host, account):
            return Confirmation(host, account, Standing.CHANGED, f"last time {host} named {before}", before, inbox)
        return Confirmation(host, account, Standing.CONFIRMED, inbox=inbox)

    def remember(self, domain: Domain, found: Confirmation, now: int) -> None:
        """Note the account that a domain names, once the person has answered; an unconfirmed one is not noted."""
        if found.standing is not Standing.NOT_CONFIRMED:
            make_folder(self._folder)
            replace_file(self._file(domain, found.domain), codec.encode(_Seen(found.account, now)))

    def _before(self, domain: Domain, host: str, account: str) -> str:
        """Return another account that this domain confirmed last time, or nothing."""
        file = self._file(domain, host)
        if not file.exists():
            return ""
        try:
            seen = codec.decode(read_bounded(file, _MAX_SEEN), _seen, _MAX_SEEN)
        except Malformed as error:
            raise InvalidInput(f"{file}: {error}", "Remove it; the domain is then new to you.") from None
        return "" if seen.account == account else seen.account

    def _file(self, domain: Domain, host: str) -> Path:
        # A file's name has at most 255 bytes, and a domain up to 253. A hash has no dot, so it is no domain's name.
        name = host if len(host) <= _LONGEST else sha256(host.encode()).hexdigest()
        return self._folder / f"{domain.chain_id}-{domain.verifying_contract}-{name}.json"

    def _fetched(self, host: str) -> Profile:
        if host.rsplit(".", 1)[-1].isdigit():
            raise InvalidInput(f"{host} is an address and no domain", "Ask the brand.")
        url = f"https://{host}{PATH}"
        answer = self._web.exchange("GET", url, headers=_HEADERS, seconds=SECONDS, max_bytes=MAX_PROFILE)
        if answer.status != 200:
            raise Unreachable(f"{host} answered {answer.status} and no profile")
        return parse_profile(answer.body)


def open_confirmations(folder: Path, network: Path) -> Confirmations:
    """Return what asks domains, by the names in the ``network`` folder first, and remembers in this folder."""
    return Confirmations(folder, read_domains(network))
