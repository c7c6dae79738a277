"""``/config.json``: on which network the person's app works, and whom it may ask. It holds no secret of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from registry.client.notary import is_local, parse_notaries
from registry.client.web import check_domains
from registry.config.network_file import Settings
from registry.core import codec
from registry.core.errors import InvalidInput
from registry.ledger.base import Deployment


class AppNotary(Struct, frozen=True):
    """A notary that the app may ask; without an ``account`` its promises prove nothing."""

    url: str
    account: str | None


class AppConfig(Struct, frozen=True, rename="camel", tag_field="type", tag="ConsentApp", kw_only=True):
    """The network of the app. ``rpc``, ``gateways`` and the values of ``domains`` are URLs that a browser may ask.

    ``domains`` maps the names of a development network to origins on this machine; elsewhere it is empty. Logs are
    read from ``block``. ``max_facts_age`` is in seconds.
    """

    version: int = 1
    chain_id: int
    registry: str
    verifier: str
    block: int
    rpc: tuple[str, ...]
    notaries: tuple[AppNotary, ...]
    gateways: tuple[str, ...]
    domains: dict[str, str]
    confirmations: int
    max_facts_age: int | None

    @property
    def urls(self) -> tuple[str, ...]:
        """All URLs that it names."""
        return (*self.rpc, *(each.url for each in self.notaries), *self.gateways, *self.domains.values())

    @property
    def loopback_origins(self) -> tuple[str, ...]:
        """The origins on this machine that it names, sorted. All other URLs are https."""
        parts = (urlsplit(url) for url in self.urls)
        return tuple(sorted({_origin(each) for each in parts if is_local(each)}))

    def encode(self) -> bytes:
        """Return the file's bytes (RFC 8785)."""
        return codec.encode(self)


def app_config(deployment: Deployment, settings: Settings, domains: Mapping[str, str]) -> AppConfig:
    """Return what the app is told of this network.

    ``InvalidInput`` where a browser cannot reach its chain, or a URL is neither https nor on this machine.
    """
    if settings.rpc_url is None:
        advice = "Run `consent devnet`, or name a node with --rpc-url; a browser cannot reach the chain in a file."
        raise InvalidInput("this network has no node that a browser can ask", advice)
    named = parse_notaries(settings.notary)
    made = AppConfig(
        chain_id=deployment.chain_id,
        registry=deployment.registry,
        verifier=deployment.verifier,
        block=deployment.block,
        rpc=(settings.rpc_url,),
        notaries=tuple(AppNotary(each.url, each.account) for each in named),
        gateways=settings.gateways,
        domains={name: _origin(urlsplit(url)) for name, url in check_domains(domains).items()},
        confirmations=settings.confirmations or 0,
        max_facts_age=settings.max_facts_age,
    )
    _refuse_unreachable(made.urls)
    return made


def _origin(parts: SplitResult) -> str:
    """Return scheme, host and port, put together anew: they become part of a policy."""
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if _port(parts) is None else f":{_port(parts)}")


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise InvalidInput(f"the URL of {parts.hostname} has no valid port", "Write it as https://HOST:PORT.") from None


def _refuse_unreachable(urls: Iterable[str]) -> None:
    for url in urls:
        parts = urlsplit(url)
        if not parts.hostname or not (parts.scheme == "https" or is_local(parts)):
            # The URL itself may hold an access key.
            who = parts.hostname or "a URL without a host"
            raise InvalidInput(f"a browser cannot ask {who}", "Name an https URL, or one of this machine.")
        if parts.username is not None:
            advice = "Name a URL without one; a browser asks none that has it."
            raise InvalidInput(f"the URL of {parts.hostname} holds a user's name", advice)
        _port(parts)
