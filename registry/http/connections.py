"""Connections that hold a place and do nothing, or too many of one network: else nobody else would find a place."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from uvicorn.protocols.http.h11_impl import H11Protocol

from registry.http.callers import parsed_address, prefix_of
from registry.http.limits import Places
from registry.http.problems import Problem

# How long a connection may take to send the head of a request, and to take what was sent to it.
REQUEST_SECONDS, SEND_SECONDS = 20.0, 60.0
# A refused connection is read for so long: closing one with unread bytes resets it, and the caller loses the answer.
# So many are read at once; a flood above that is reset.
LINGER_SECONDS, MOST_LINGERING = 1.0, 64


class Door:
    """Counts the connections of each network prefix, and requests of each prefix behind one of the ``proxies``.

    A proxy's connections are many people's, so a connection of its own counts for nobody.
    """

    def __init__(self, most: int, proxies: Collection[str] = ()) -> None:
        self.connections, self.requests, self._proxies = Places(most), Places(most), proxies
        self.lingering = 0

    def prefix_of(self, host: str) -> str | None:
        """Return the prefix that a connection of this host counts for; None for one of a proxy."""
        address = parsed_address(host)
        return None if str(address) in self._proxies else prefix_of(address)


def too_many_at_once() -> Problem:
    """Return the problem for a connection or a request above the limit of its prefix."""
    advice = "Close some, or use one connection for many requests."
    headers = {"Retry-After": "5", "Connection": "close"}
    return Problem(429, "TooManyConnections", "too many connections of this network", advice, headers)


def _refusal() -> bytes:
    answer = too_many_at_once().response()
    head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
    return b"HTTP/1.1 429 Too Many Requests\r\n" + head + b"\r\n" + bytes(answer.body)


class _Refused(asyncio.Protocol):
    """A connection that was refused: what it sends is read and dropped, until it ends or its time is over."""

    def __init__(self, door: Door, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._door, self._end = door, loop.call_later(LINGER_SECONDS, transport.abort)
        door.lingering += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        self._door.lingering -= 1


class Connection(H11Protocol):
    """uvicorn's connection, which is also closed where its caller sends no request, or reads no answer.

    One above the limit of its network prefix gets a 429 at once, whatever it asks: ``app.state.door`` counts.

    The pure Python parser bounds the head of a request. httptools, which uvicorn takes where it finds it, does not.
    """

    _asks: asyncio.TimerHandle | None = None
    _reads: asyncio.TimerHandle | None = None
    _prefix: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        if not self._enters(transport):
            self._refuse(transport)
            return
        super().connection_made(transport)
        self._expect_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._prefix is not None:
            self._door.connections.leave(self._prefix)
        super().connection_lost(exc)
        for timer in (self._asks, self._reads):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reads = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reads is not None:
            self._reads.cancel()

    @property
    def _door(self) -> Door:
        door: Door = self.config.app.state.door  # type: ignore[union-attr]  # always the FastAPI of `new_app`
        return door

    def _enters(self, transport: asyncio.Transport) -> bool:
        host = (transport.get_extra_info("peername") or ("",))[0]
        prefix = self._door.prefix_of(host)
        if prefix is None or self._door.connections.enter(prefix):
            self._prefix = prefix
            return True
        return False

    def _refuse(self, transport: asyncio.Transport) -> None:
        transport.write(_refusal())
        if self._door.lingering < MOST_LINGERING:
            transport.set_protocol(_Refused(self._door, transport, self.loop))
            if transport.can_write_eof():  # TLS cannot
                transport.write_eof()
        else:
            transport.set_protocol(asyncio.Protocol())  # which hears the rest, and does nothing
            transport.close()

    def _expect_request(self) -> None:
        """Give the caller a fixed time, whatever else arrives meanwhile: single bytes hold no place for ever."""
        if self._asks is not None:
            self._asks.cancel()
        self._asks = self.loop.call_later(REQUEST_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
