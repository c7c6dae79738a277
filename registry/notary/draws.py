"""Draws from sponsors' budgets, many in one commit, because each commit is a write to the disk."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool

from registry.notary.protocols import Intake
from registry.notary.records import Unpaid

_Waiting = list["asyncio.Future[Unpaid | None]"]


class Draws:
    """Collects what is asked for while a commit is under way, and draws it with the next one. For one event loop."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: dict[int, _Waiting] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def draw(self, sponsor: int) -> Unpaid | None:
        """Take one item from a sponsor's budget; return why not, where it holds none."""
        answer: asyncio.Future[Unpaid | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sponsor, []).append(answer)
        if sponsor not in self._tasks:
            self._tasks[sponsor] = asyncio.create_task(self._run(sponsor))
        return await answer

    async def _run(self, sponsor: int) -> None:
        try:
            while group := self._waiting.pop(sponsor, []):
                await self._answer(sponsor, group)
        finally:
            del self._tasks[sponsor]

    async def _answer(self, sponsor: int, group: _Waiting) -> None:
        try:
            unpaid = await run_in_threadpool(self._intake.draw, sponsor, len(group))
        except Exception as error:
            # Each caller gets the error, and later ones are drawn for.
            for one in group:
                if not one.done():
                    one.set_exception(error)
            return
        if unpaid is Unpaid.BUDGET_SPENT and len(group) > 1:
            for one in group:  # it may hold some of them
                await self._answer(sponsor, [one])
            return
        for one in group:
            if not one.done():  # a caller may have gone
                one.set_result(unpaid)
