"""Many draws from sponsors' budgets at once: never more than a budget holds, and each caller gets its own answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from registry.core.errors import DatabaseUnavailable
from registry.notary.draws import Draws
from registry.notary.records import Unpaid
from tests.support.loops import in_a_loop
from tests.support.notary_api import NOW, notary_api


def test_exactly_the_budget_is_drawn(tmp_path: Path) -> None:
    async def many(draws: Draws, sponsor: int) -> Counter[Unpaid | None]:
        answers = await asyncio.gather(*(draws.draw(sponsor) for _ in range(100)))
        return Counter(answers) + Counter([await draws.draw(sponsor)])

    with notary_api(tmp_path / "notary") as desk:
        sponsors = [desk.api.intake.add_sponsor(name, name.encode(), 70, NOW).id for name in ("a", "b")]
        draws = Draws(desk.api.intake)

        async def both() -> list[Counter[Unpaid | None]]:
            return await asyncio.gather(*(many(draws, sponsor) for sponsor in sponsors))

        assert in_a_loop(both()) == [Counter({None: 70, Unpaid.BUDGET_SPENT: 31})] * 2
        assert [one.used for one in desk.api.intake.sponsors()] == [70, 70]
        desk.api.intake.remove_sponsor("a")
        assert in_a_loop(draws.draw(sponsors[0])) is Unpaid.NO_SPONSOR


def test_a_database_that_is_away_is_told_to_all_and_later_draws_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("the database is away")

    async def some(draws: Draws, sponsor: int) -> list[object]:
        return await asyncio.gather(*(draws.draw(sponsor) for _ in range(3)), return_exceptions=True)

    with notary_api(tmp_path / "notary") as desk:
        sponsor = desk.api.intake.add_sponsor("a", b"a", 70, NOW).id
        draws = Draws(desk.api.intake)
        with monkeypatch.context() as patch:
            patch.setattr(desk.api.intake, "draw", away)
            assert [type(one) for one in in_a_loop(some(draws, sponsor))] == [DatabaseUnavailable] * 3
        assert in_a_loop(some(draws, sponsor)) == [None] * 3
