"""SIGKILL at every step of a grant that is delivered: `consent status` brings the brand all of it, once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from registry.brand.api import build_public
from registry.brand.desk import open_desk
from registry.brand.records import Asked
from registry.brand.settings import BrandSettings
from registry.brand.store import Store, open_store
from registry.cli.main import run
from registry.client.network_config import open_network
from registry.config.network_file import read_domains, write_settings
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Request
from registry.http.serving import Server
from tests.support.killed_client import killed_at
from tests.support.served_brand import HOST, take_blocks
from tests.support.soak import sampled

pytestmark = pytest.mark.slow
# More than the command has; `test_the_steps_are_all_of_them` holds it.
MOST = 60
SAMPLE = 9
Copy = Callable[[], Path]


class Brand(NamedTuple):
    """The running service: its link, its store, and the bodies of blocks that it got."""

    link: str
    store: Store
    took: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Copies of a world in which Alice has data and was asked; another each time."""
    folder = tmp_path_factory.mktemp("delivered")
    assert run(["demo", "--until", "asked", "--dir", str(folder / "asked"), "--json"]) == 0
    count = iter(range(10_000))
    yield lambda: Path(shutil.copytree(folder / "asked", folder / str(next(count))))


@contextmanager
def brand_in(world: Path) -> Iterator[Brand]:
    asked = parse_evidence((world / "request.json").read_bytes())
    message, notice = asked.statement.message, asked.parsed_notice
    assert isinstance(message, Request) and notice is not None
    controller = notice.controller
    settings = BrandSettings(
        account=controller.account,
        recipients=(controller.recipient,),
        domain=controller.domain,
        name=controller.name,
        contact=controller.contact,
        url=f"https://{HOST}",
    )
    store, took = open_store(world, ""), list[tuple[str, bytes]]()
    desk = open_desk(settings, open_network(world / "network"), store)
    app = build_public(desk)
    take_blocks(app, took)
    file = (world / "request.json").read_bytes()
    store.publish(Asked(asked.digest, file, False, message.issued_at, message.expires_at, notice=unhex(message.notice)))
    try:
        with Server(app) as server:
            write_settings(world / "network", domains={HOST: server.url})
            yield Brand(f"https://{HOST}/r/{to_hex(asked.digest)}", store, took)
    finally:
        desk.groups.close()


class Alice:
    """``consent`` as Alice."""

    def __init__(self, world: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._capsys = world / "alice", capsys
        self._more = ["--home", str(self.home), "--network", str(world / "network")]

    def killed(self, step: int, *arguments: object) -> int | None:
        return killed_at(step, [*arguments, *self._more], {"CONSENT_HOME": "", "CONSENT_NETWORK": ""})

    def json(self, *arguments: object, code: int = 0) -> Any:
        self._capsys.readouterr()
        found = run([*map(str, arguments), "--json", *self._more])
        out = self._capsys.readouterr()
        assert found == code, (found, out)
        return json.loads(out.out.splitlines()[-1])

    @property
    def evidence(self) -> list[Evidence]:
        return [parse_evidence(path.read_bytes()) for path in (self.home / "evidence").glob("0x*.json")]


@pytest.mark.parametrize("step", sampled(range(1, MOST), SAMPLE))
def test_a_killed_grant_reaches_the_brand_or_never_was(
    step: int, world: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = world()
    with brand_in(folder) as brand:
        alice = Alice(folder, capsys)
        grant = ("grant", brand.link, "--yes")
        alice.killed(step, *grant)
        for each in alice.json("status")["pending"]:
            if each["state"] == "waiting":
                assert "never stored" in each["why"]
                alice.json("evidence", "drop", each["digest"], "--yes")
        if not alice.evidence:
            assert alice.json("status")["deliveries"] == [] and brand.took == []
            alice.json(*grant)
        (given,) = alice.evidence
        (one,) = alice.json("status")["deliveries"]
        assert (one["state"], one["blocksLeft"]) == ("delivered", 0), one
        assert list(brand.store.by_digest({given.digest})) == [given.digest]
        assert {path for path, _ in brand.took} == {"/v1/blocks"}
        assert not list((alice.home / "deliveries").glob("*.part"))


def test_the_steps_are_all_of_them(world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    with brand_in(folder) as brand:
        steps = Alice(folder, capsys).killed(10**6, "grant", brand.link, "--yes")
    assert steps is not None and 10 < steps < MOST, steps


def test_a_person_reads_where_it_goes_and_how_it_stands(world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    with brand_in(folder) as brand:
        alice = Alice(folder, capsys)
        more = ["--home", str(alice.home), "--network", str(folder / "network")]
        assert run(["grant", brand.link, "--yes", *more]) == 0
        told = capsys.readouterr()
        assert f"It is delivered to {HOST}, which {HOST} names." in told.err
        assert f"Delivered    to {HOST}" in told.out
        assert run(["status", *more]) == 0
        assert f"to {HOST}" in capsys.readouterr().out
        assert run(["status", "--brand", "Maison Aurelle", *more]) == 0
        assert "has yet to counter-sign" in capsys.readouterr().out
        assert run(["revoke", to_hex(alice.evidence[0].digest), "--yes", *more]) == 0
        capsys.readouterr()
        assert run(["status", "--brand", HOST, *more]) == 0
        assert "the brand knows that it ended" in capsys.readouterr().out
        assert run(["refuse", brand.link, "--yes", *more]) == 0
        assert "Delivered" in capsys.readouterr().out
        assert run(["evidence", "show", brand.link, *more]) == 0
        assert "Maison Aurelle" in capsys.readouterr().out
        another = brand.link[:-1] + ("1" if brand.link[-1] == "0" else "0")
        assert run(["grant", another, "--yes", *more]) == 2
        assert "gives no request there" in capsys.readouterr().err


def test_a_foreign_link_is_told_and_nothing_goes_to_whom_nobody_confirms(
    world: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = world()
    with brand_in(folder) as brand:
        alice, domains = Alice(folder, capsys), read_domains(folder / "network")
        more = ["--home", str(alice.home), "--network", str(folder / "network")]
        write_settings(folder / "network", domains=domains | {"links.example": domains[HOST]})
        foreign = brand.link.replace(HOST, "links.example")
        assert run(["refuse", foreign, "--yes", *more]) == 0
        said = capsys.readouterr()
        assert f"The link is on links.example, which is not the domain of the brand, {HOST}." in said.err
        assert f"It is delivered to {HOST}, which {HOST} names." in said.err and "Delivered" in said.out
        write_settings(folder / "network", domains={"links.example": domains[HOST]})
        assert run(["refuse", foreign, "--yes", *more]) == 0
        said = capsys.readouterr()
        assert "nothing is sent to them: you hand the file over yourself" in said.err and "Delivered" not in said.out
        assert len(alice.json("status")["deliveries"]) == 1


def test_by_hand_sends_nothing(world: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world()
    with brand_in(folder) as brand:
        alice = Alice(folder, capsys)
        assert "delivery" not in alice.json("grant", brand.link, "--by-hand", "--yes")
        assert alice.json("status")["deliveries"] == [] and brand.took == []
        (given,) = alice.evidence
        assert brand.store.by_digest({given.digest}) == {}
