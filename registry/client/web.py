"""Ask a server that somebody else named: by TLS, at a public address, without a redirect, bounded in size and time.

The brand's link, its profile and its inbox are such names. A development network maps names to this machine.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from registry.core.errors import BrandUnavailable, InvalidInput
from registry.net.http import Response, TooLarge, Unreachable, fetch, reason
from registry.net.lookup import find_addresses, is_public, within

USER_AGENT = {"User-Agent": "consent-registry"}
MAX_URL = 2048
_HTTPS = 443
# RFC 2606 and RFC 6761: nobody can own a name below these, so nobody is asked.
_RESERVED = ("example", "test", "invalid", "localhost")
# host, port -> addresses; ``OSError`` or ``UnicodeError`` where there are none
Resolve = Callable[[str, int], list[str]]


class Web:
    """The servers that others name. ``domains`` maps the names of a development network to URLs on this machine.

    Those URLs are the only ones on this machine, and the only ones without TLS.
    """

    def __init__(self, domains: Mapping[str, str] | None = None, resolve: Resolve | None = None) -> None:
        self._domains = check_domains(domains or {})
        self._own = {_origin(urlsplit(url)) for url in self._domains.values()}
        self._resolve = resolve

    def exchange(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float,
        max_bytes: int,
    ) -> Response:
        """Exchange one request for its answer, as `registry.net.http.fetch` does; its errors are the same.

        `Unreachable` too where the host has no address, or one that is not public. ``InvalidInput`` for a URL that is
        neither https nor on the development network. The ``query`` is ours. No cookie and no referrer is sent.
        ``seconds`` bounds the look-up of the name too.
        """
        ends_at = time.monotonic() + seconds
        target, address = self._place(url, seconds)
        return fetch(
            method,
            f"{target}?{query}" if query else target,
            body=body,
            headers={**USER_AGENT, **(headers or {})},
            seconds=ends_at - time.monotonic(),
            max_bytes=max_bytes,
            resolve_to=address,
        )

    def ask(self, method: str, url: str, who: str, **how: object) -> Response:
        """Do as `exchange`; every failure is ``BrandUnavailable``, which calls the server ``who`` and hides the URL."""
        try:
            return self.exchange(method, url, **how)  # type: ignore[arg-type]
        except TimeoutError:
            raise BrandUnavailable(f"{who} did not answer in time") from None
        except (Unreachable, TooLarge) as error:
            raise BrandUnavailable(f"{who} did not answer: {error}") from None

    def _place(self, url: str, seconds: float) -> tuple[str, str | None]:
        """Return the URL to ask, and the address to connect to; None leaves that to the URL."""
        parts = parse_url(url)
        if base := self._domains.get(str(parts.hostname)):
            return base.rstrip("/") + _path_of(parts), None
        if _origin(parts) in self._own:
            return url, None
        if parts.scheme != "https":
            raise InvalidInput("that URL is without TLS", "Ask the brand for one that begins with https.")
        return url, self._public(str(parts.hostname), parts.port or _HTTPS, seconds)

    def _public(self, host: str, port: int, seconds: float) -> str:
        addresses = self._addresses(host, port, seconds)
        if not addresses or not all(map(is_public, addresses)):
            raise Unreachable(f"{host} leads to no public address")
        return addresses[0]

    def _addresses(self, host: str, port: int, seconds: float) -> list[str]:
        if host.rsplit(".", 1)[-1] in _RESERVED and self._resolve is None:
            raise Unreachable(f"{host} is a name that nobody can own")
        try:
            if (resolve := self._resolve) is not None:
                return within(seconds, lambda: resolve(host, port))
            found = find_addresses(host, port, seconds)
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            # A label that is empty or too long is a UnicodeError: names are encoded before they are looked up.
            raise Unreachable(f"{host} has no address ({reason(error)})") from None
        return [str(entry[4][0]).partition("%")[0] for entry in found]


class Place(NamedTuple):
    """Where a URL leads, for comparing: scheme, host and port."""

    scheme: str
    host: str
    port: int


def parse_url(url: str) -> SplitResult:
    """Split an http or https URL of printable ASCII, without user, query or fragment; ``InvalidInput`` for another."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or not re.fullmatch(rf"[!-~]{{1,{MAX_URL}}}", url):
        raise InvalidInput("that is not the URL of a server", "Write it as the brand gave it: https://HOST/PATH.")
    if parts.query or parts.fragment:
        raise InvalidInput("that URL has a query or a fragment", "Write it as the brand gave it: https://HOST/PATH.")
    return parts


def place_of(url: str) -> Place:
    """Return the scheme, host and port of a URL, for comparing; ``InvalidInput`` where it is none."""
    return _origin(parse_url(url))


def check_domains(domains: Mapping[str, str]) -> dict[str, str]:
    """Return a development network's names with their URLs; ``InvalidInput`` where one leaves this machine."""
    for host, url in domains.items():
        parts = urlsplit(url)
        is_local = parts.hostname == "localhost" or _is_loopback(parts.hostname or "")
        if parts.scheme not in ("http", "https") or not is_local or parts.path not in ("", "/") or parts.query:
            advice = "Only names on this machine stand there, as http://127.0.0.1:8080."
            raise InvalidInput(f"[domains] {host!r} is no URL on this machine", advice)
    return dict(domains)


def _origin(parts: SplitResult) -> Place:
    return Place(parts.scheme, str(parts.hostname), parts.port or (_HTTPS if parts.scheme == "https" else 80))


def _path_of(parts: SplitResult) -> str:
    return parts.path or "/"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
