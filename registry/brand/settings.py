"""``brand.toml``: who a brand is, and how its service works. It holds no secret."""

from __future__ import annotations

import secrets
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from registry.client.notary import NotaryName, parse_notaries
from registry.config.service_file import ServiceFile, SettingText, check_database, check_proxies
from registry.core.eip712 import Domain
from registry.core.errors import ConsentError, InvalidInput
from registry.core.profiles import Profile, ProfileAccount, ProfileNotary
from registry.core.scalars import check_address
from registry.fs.files import creating, read_bounded

BRAND_FILE, KEY_FILE = "brand.toml", "internal.key"
INSTALL = "Install it: pip install 'consent-registry[notary]'."
_KEY_BYTES, _MAX_KEY_FILE = 32, 128
_Port = Annotated[int, Meta(ge=0, le=65_535)]
_Words = Annotated[str, Meta(max_length=2048)]
_Texts = Annotated[tuple[SettingText, ...], Meta(max_length=32)]


class BrandSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of ``brand.toml``; times are seconds.

    ``account`` is the brand's address, ``recipients`` the age recipients that data is sealed to, newest first. ``url``
    is where people reach the public listener. ``notaries`` are named URL#ACCOUNT: the brand believes their promises,
    and they anchor its acceptances. ``pays`` lets the brand's own account do that where none of them does.
    ``asked_only`` refuses answers to anything but published requests and their notices.
    ``view_seconds`` is the largest age of the chain's view. Within ``acknowledge_seconds`` the end of a grant is
    acknowledged, as people are told, and ``head_seconds`` lie between two heads of the use log. ``ipfs`` is a Kubo node
    for what people hand over, ``grant_bytes`` bounds what one grant may bring, and
    ``data_bytes`` what all may together. The rest is as for a notary.
    """

    account: SettingText = ""
    recipients: _Texts = ()
    domain: SettingText = ""
    name: _Words = ""
    contact: _Words = ""
    url: SettingText = ""
    terms: _Texts = ()
    issued_at: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    notaries: _Texts = ()
    pays: bool = True
    asked_only: bool = True
    view_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60
    acknowledge_seconds: Annotated[int, Meta(ge=1, le=30 * 86_400)] = 3_600
    head_seconds: Annotated[int, Meta(ge=1, le=7 * 86_400)] = 86_400
    ipfs: SettingText = ""
    grant_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 1 << 30
    data_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 50)] = 100 << 30
    database: SettingText = ""
    host: SettingText = "127.0.0.1"
    port: _Port = 8_700
    internal_host: SettingText = "127.0.0.1"
    internal_port: _Port = 8_701
    requests_per_second: Annotated[int, Meta(ge=1, le=10**6)] = 50
    connections: Annotated[int, Meta(ge=1, le=10**6)] = 100
    proxies: _Texts = ()

    def __post_init__(self) -> None:
        check_database(self.database)
        check_proxies(self.proxies)
        try:
            if any(name.account is None for name in self.named):
                raise ValueError("notaries names one without its account: write URL#ACCOUNT")
            if self.account:
                check_address(self.account)
        except ConsentError as error:
            raise ValueError(str(error)) from None
        parts = urlsplit(self.url)
        if self.url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("url is no address of a web server")

    @property
    def named(self) -> tuple[NotaryName, ...]:
        """The notaries, each with its account."""
        return parse_notaries(self.notaries)

    @property
    def notary_accounts(self) -> frozenset[str]:
        """The accounts whose promises count."""
        return frozenset(name.account for name in self.named if name.account is not None)

    @property
    def is_internal_local(self) -> bool:
        """Whether only this machine reaches the internal listener."""
        with suppress(ValueError):
            return ip_address(self.internal_host).is_loopback
        return self.internal_host == "localhost"

    def link(self, digest: str) -> str:
        """Return the link of a request with this digest (0x hex)."""
        return f"{self.url.rstrip('/')}/r/{digest}"

    def profile(self, domain: Domain) -> Profile:
        """Return the brand's profile on this chain and registry; ``Malformed`` names the setting that does not fit."""
        account = ProfileAccount(domain.chain_id, domain.verifying_contract, self.account, self.recipients)
        return Profile(
            domain=self.domain,
            name=self.name,
            accounts=(account,),
            inbox=f"{self.url.rstrip('/')}/v1/evidence",
            notaries=tuple(ProfileNotary(name.url, str(name.account)) for name in self.named),
            terms=self.terms,
            contact=self.contact,
            issued_at=self.issued_at,
        )


_HEAD = """\
# Who this brand is, and how its service works. Each line that begins with "# name =" shows a default; remove the "# "
# to change it. The chain and the registry are those of the network (network.toml). Times are seconds.
"""
COMMENTS = {
    "account": "The account that signs for the brand.",
    "recipients": "The age recipients that people seal data to, the newest first.",
    "domain": "The brand's domain. Its profile is served at https://DOMAIN/.well-known/consent.json.",
    "name": "How the brand is called.",
    "contact": "Where people ask about their data.",
    "url": "Where people reach this service. Links to requests begin with it.",
    "terms": "Agreements that the brand keeps to, such as ieee-7012:SD-BASE.",
    "issued_at": "When the profile was made.",
    "notaries": "Notaries, each as URL#ACCOUNT. Their promises are believed, and they anchor the brand's acceptances.",
    "pays": "Whether the brand's own account anchors what no notary does.",
    "asked_only": "Whether only answers to requests of `consent brand request`, or with the notice of one, are taken.\n"
    "Otherwise anybody may also send grants with notices of their own making, and the brand counter-signs them unread.",
    "view_seconds": "How old the view of the chain may be. An older one answers no question: 503.",
    "acknowledge_seconds": "Within this time after its block, an end is acknowledged by a signed and anchored\n"
    "statement. People are told; the worker does it at once.",
    "head_seconds": "How long after the last one the head of the use log is anchored again, if it grew.",
    "ipfs": "Empty: what people hand over lies, sealed, in a file of this folder. Or the address of a Kubo node of\n"
    "the brand's own, which announces nothing: several machines need one. Data is erased there when its grant ends.",
    "grant_bytes": "The most that the brand keeps of one grant's sealed data.",
    "data_bytes": "The most that the brand keeps of all grants' sealed data together. A full brand takes no more: 507.",
    "database": "Empty: a SQLite file in this folder. Or postgresql://USER@HOST/NAME, without a password (libpq\n"
    "reads that from ~/.pgpass); several machines then share the work.",
    "host": "The address that the public listener listens on. Keep loopback, and put a proxy with TLS before it.",
    "port": "Its port; 0 takes any free one.",
    "internal_host": "The address of the internal listener, for the brand's own systems. Elsewhere than on loopback\n"
    "its callers need the key in internal.key.",
    "internal_port": "Its port; 0 takes any free one.",
    "requests_per_second": "The most requests of one network prefix (IPv4 /24, IPv6 /48) to the public listener.",
    "connections": "The most connections of one network prefix at once.",
    "proxies": "Addresses of your own proxies. Only their X-Forwarded-For is believed.",
}
FILE = ServiceFile(BRAND_FILE, BrandSettings, _HEAD, COMMENTS)


def require_brand(folder: Path) -> BrandSettings:
    """Return the settings of a brand's folder; ``InvalidInput`` where there is none."""
    if not (folder / BRAND_FILE).is_file():
        advice = "Make one with `consent brand init`, or name its folder with --dir."
        raise InvalidInput(f"there is no brand in {folder}", advice)
    return FILE.read(folder)


def make_internal_key(folder: Path) -> bool:
    """Make the key of the internal listener, mode 0600; False where there is one already."""
    try:
        with creating(folder / KEY_FILE) as sink:
            sink.write(secrets.token_hex(_KEY_BYTES).encode() + b"\n")
    except FileExistsError:
        return False
    return True


def internal_key(folder: Path, settings: BrandSettings) -> str:
    """Return the key that callers of the internal listener need; empty where only this machine reaches it."""
    if settings.is_internal_local:
        return ""
    key = read_bounded(folder / KEY_FILE, _MAX_KEY_FILE).decode("ascii", "replace").strip()
    if len(key) < 2 * _KEY_BYTES:
        raise InvalidInput(f"{folder / KEY_FILE} holds no key", "Remove it, and run `consent brand init`.")
    return key
