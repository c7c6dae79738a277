"""The brand's worker. One of several leads: it follows the chain, finds anchors, judges data and signs."""

from __future__ import annotations

import threading

from registry.brand.chain_log import ChainLog
from registry.brand.checking import Checker
from registry.brand.counter import Counter
from registry.brand.keeper import Keeper
from registry.brand.mailing import Mailer
from registry.brand.proving import Prover
from registry.brand.store import Store
from registry.core.errors import ConsentError, CouldNotCheck
from registry.fs.loops import Loop

_PAUSE = 1.0
_KEEP_PAUSE = 0.05
_STOP_SECONDS = 5.0


class Worker:
    """One worker. `follow` and `sign` do one round each; `run` goes on until it is told to stop."""

    def __init__(
        self,
        store: Store,
        log: ChainLog,
        checker: Checker,
        prover: Prover,
        counter: Counter | None,
        keeper: Keeper | None = None,
        mailer: Mailer | None = None,
    ) -> None:
        self._store, self._log, self._checker = store, log, checker
        self._prover, self._counter, self._keeper, self._mailer = prover, counter, keeper, mailer

    def follow(self) -> float | None:
        """Read the log on, and apply what it says; return the pause after it. None: the chain is away."""
        if not self._store.lead():
            return _PAUSE
        caught_up = self._log.read()
        busy = self._checker.expire()
        if caught_up:
            busy |= self._checker.check()
        return 0.0 if busy or not caught_up else _PAUSE

    def prove(self) -> float | None:
        """Look for the anchors of what was promised; return the pause after it."""
        return 0.0 if self._store.lead() and self._prover.step() else _PAUSE

    def keep(self) -> float | None:
        """Judge what people handed over, and erase what is over; return the pause after it."""
        if self._keeper is None or not self._store.lead():
            return _PAUSE
        # Somebody waits for the verdict.
        return 0.0 if self._keeper.step() else _KEEP_PAUSE

    def sign(self) -> float | None:
        """Bring acceptances further; return the pause after it. None where nobody can pay or the chain is away."""
        if self._counter is None or not self._store.lead():
            return _PAUSE
        try:
            return 0.0 if self._counter.step() else _PAUSE
        except CouldNotCheck:
            raise
        except ConsentError:
            return None  # no funds, or fees above the limit: the operator sees what waits in `consent brand inbox`

    def mail(self) -> float | None:
        """Sign and seal what is queued for people; return the pause after it. None where the chain is away."""
        if self._mailer is None or not self._store.lead():
            return _PAUSE
        return 0.0 if self._mailer.step() else _PAUSE

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. Only a fault of this program is raised.

        Each part has a thread: a content store or a notary that is slow must not hold the chain's log up.
        """
        parts = self.follow, self.prove, self.keep, self.sign, self.mail
        loops = [Loop(work, stop) for work in parts]
        threads = [threading.Thread(target=loop.run, daemon=True) for loop in loops]
        for thread in threads:
            thread.start()
        stop.wait()
        for thread in threads:
            thread.join(_STOP_SECONDS)
        if not any(thread.is_alive() for thread in threads):
            self._store.step_down()
        for loop in loops:
            if loop.failure is not None:
                raise loop.failure
