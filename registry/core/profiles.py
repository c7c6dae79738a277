"""A brand's profile: which accounts speak for its domain (docs/formats.md, "Profile").

The brand serves it at ``https://DOMAIN/.well-known/consent.json``. It is not signed: TLS says whose it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.core import codec
from registry.core.eip712 import Domain
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence
from registry.core.notices.document import AgeRecipient, check_host, check_plain
from registry.core.notices.plain_text import NAME, SENTENCE
from registry.core.scalars import Address, UInt64, check_address, check_distinct, check_term
from registry.core.statements.messages import Request

PATH = "/.well-known/consent.json"
MAX_PROFILE = 64 * 1024
_MOST = 64
_Url = Annotated[str, Meta(pattern=r"\Ahttps?://[!-~]{1,2000}\Z")]


class ProfileAccount(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An account of the brand on one registry, with the age recipients that data is sealed to, newest first.

    ``until`` (unix seconds) is the last moment at which it speaks for the brand.
    """

    chain_id: UInt64
    registry: Address
    account: Address
    recipients: Annotated[tuple[AgeRecipient, ...], Meta(min_length=1, max_length=_MOST)]
    until: UInt64 | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not self.chain_id:
            raise Malformed("chainId is 0")
        check_address(self.registry)
        check_address(self.account)
        check_distinct(self.recipients, "a recipient")


class ProfileNotary(Struct, frozen=True, forbid_unknown_fields=True):
    """A notary whose promises the brand believes."""

    url: _Url
    account: Address

    def __post_init__(self) -> None:
        check_address(self.account)


class Profile(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a domain says of the brand behind it. ``inbox`` is the URL that takes evidence; `parse_profile` makes it."""

    domain: str
    name: str
    accounts: Annotated[tuple[ProfileAccount, ...], Meta(max_length=_MOST)]
    inbox: _Url
    notaries: Annotated[tuple[ProfileNotary, ...], Meta(max_length=_MOST)]
    terms: Annotated[tuple[str, ...], Meta(max_length=_MOST)]
    contact: str
    issued_at: UInt64
    type: Literal["ConsentProfile"] = "ConsentProfile"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_host(self.domain, "domain")
        check_plain(self.name, NAME, "name")
        check_plain(self.contact, SENTENCE, "contact")
        for term in self.terms:
            check_term(term, "terms")
        check_distinct([(each.chain_id, each.registry, each.account) for each in self.accounts], "an account")
        check_distinct([each.account for each in self.notaries], "a notary")
        check_distinct(self.terms, "an agreement")


_profiles = msgspec.json.Decoder(Profile)


def parse_profile(raw: bytes) -> Profile:
    """Parse a profile from RFC 8785 bytes, at most 64 KiB; everything else is ``Malformed``."""
    return codec.decode(raw, _profiles, MAX_PROFILE)


def write_profile(profile: Profile) -> bytes:
    """Return the bytes that the brand serves."""
    return codec.encode(profile)


def why_unconfirmed(profile: Profile, domain: Domain, request: Evidence, now: int) -> str | None:
    """Say why a profile does not speak for the account of a brand's Request; None where it confirms it.

    ``request`` is verified, and the profile was fetched from its notice's domain. ``now`` is in unix seconds.
    """
    notice = request.parsed_notice
    if not isinstance(request.statement.message, Request) or notice is None:
        return "no request of the brand's is at hand"
    controller = notice.controller
    if profile.domain != controller.domain:
        return f"the profile is of {profile.domain}"
    place = (domain.chain_id, domain.verifying_contract, controller.account)
    found = [each for each in profile.accounts if (each.chain_id, each.registry, each.account) == place]
    if not found:
        return f"{controller.domain} does not name the account {controller.account} on this registry"
    if found[0].until is not UNSET and found[0].until < now:
        return f"{controller.domain} says that this account speaks for it no more"
    if controller.recipient not in found[0].recipients:
        return f"{controller.domain} does not name the key that data would be sealed to"
    return None
