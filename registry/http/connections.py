"""Connections that hold a place and do nothing: uvicorn would let them stay, until nobody else finds a place."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# How long a connection may take to send the head of a request, and to take what was sent to it.
REQUEST_SECONDS, SEND_SECONDS = 20.0, 60.0


class Connection(H11Protocol):
    """uvicorn's connection, which is also closed where its caller sends no request, or reads no answer.

    The pure Python parser bounds the head of a request. httptools, which uvicorn takes where it finds it, does not.
    """

    _asks: asyncio.TimerHandle | None = None
    _reads: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
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

    def _expect_request(self) -> None:
        """Give the caller a fixed time, whatever else arrives meanwhile: single bytes hold no place for ever."""
        if self._asks is not None:
            self._asks.cancel()
        self._asks = self.loop.call_later(REQUEST_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
