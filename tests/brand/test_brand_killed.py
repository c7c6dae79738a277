"""Kill the parts of a brand's service again and again: nothing that was taken is lost, no event is doubled."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from registry.brand.records import State
from registry.brand.store import Store, open_store
from registry.client.grant import grant
from registry.client.request import request
from registry.client.revoke import revoke_openly
from registry.client.verify import verify
from registry.core.errors import DatabaseUnavailable
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from registry.ledger.base import Deployment
from tests.support.brand_processes import SECONDS, Listener, Part, Sender, a_home, brand_folder, until
from tests.support.brand_stores import told
from tests.support.on_anvil import RealStage
from tests.support.postgres import PostgresServer
from tests.support.soak import SEED, examples

pytestmark = pytest.mark.slow
GRANTS, KILLS = examples(12, 60), examples(8, 100)


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, anvil: tuple[str, Deployment]) -> None:
    """SIGKILL, again and again, of any part, while people send and end, and while a system listens."""
    stage = RealStage.on(tmp_path / "parties", anvil)
    network, folder = tmp_path / "network", tmp_path / "brand"
    a_home(stage, network, anvil)
    brand_folder(folder, stage)
    payer, asked = stage.levers.wallet(), write_evidence(request(stage.brand, stage.notice()))
    people = [stage.person(f"person {number}", sender=payer) for number in range(GRANTS)]
    given = [(person, grant(person, asked).evidence) for person in people]
    parts = {name: Part(name, stage, network, folder) for name in ("public", "internal", "worker")}
    listener, sender = Listener(parts["internal"]), Sender(parts["public"], given)
    sender.start()
    draw = random.Random(SEED)
    for _ in range(KILLS):
        time.sleep(draw.random())
        part = parts[draw.choice(list(parts))]
        part.kill()
        part.start()
    sender.join(SECONDS + 10 * GRANTS)
    store = open_store(folder)
    assert len(sender.taken) == GRANTS == len(store.by_digest([each.digest for each in sender.taken]))
    until(lambda: all(each.is_complete for each in store.answers_before(2**40, 1_000)), lambda: store.signed(100))
    until(lambda: len([kind for kind, _ in told(store) if kind == "ended"]) == len(sender.ended))
    expected = [(number, kind, to_hex(digest)) for number, (kind, digest) in enumerate(told(store), 1)]
    until(lambda: len(listener.heard) >= len(expected), lambda: listener.heard)
    listener.done.set()
    for part in parts.values():
        part.kill()
    check_end(stage, store, sender)
    assert listener.heard == expected


def check_end(stage: RealStage, store: Store, sender: Sender) -> None:
    """Each answer is there once, with its events once, accepted or ended; nothing is left to be done."""
    answers = store.answers_before(2**40, 1_000)
    assert len(answers) == GRANTS and store.signed(10) == []
    over = {each.digest for each in sender.ended}
    once = [("granted", each.digest) for each in answers] + [("ended", digest) for digest in over]
    assert sorted(told(store)) == sorted(once)
    policy: Any = stage.network.policy(controllers=frozenset({stage.brand.address}), accepted=True)
    for each in answers:
        if each.digest in over:
            assert each.state is State.ENDED
        else:
            verify(stage.network, each.file, policy)


def test_two_workers_of_which_one_is_killed_and_a_database_that_restarts(
    tmp_path: Path, anvil: tuple[str, Deployment], postgres: PostgresServer, postgres_url: str
) -> None:
    stage = RealStage.on(tmp_path / "parties", anvil)
    network, folder = tmp_path / "network", tmp_path / "brand"
    a_home(stage, network, anvil)
    brand_folder(folder, stage, database=postgres_url)
    payer, asked = stage.levers.wallet(), write_evidence(request(stage.brand, stage.notice()))
    people = [stage.person(f"one {number}", sender=payer) for number in range(4)]
    given = [(person, grant(person, asked).evidence) for person in people]
    public, first, second = (Part(name, stage, network, folder) for name in ("public", "worker", "worker"))
    store = open_store(folder, postgres_url)
    completed(store, public, given[0][1])
    first.kill()
    completed(store, public, given[1][1])
    revoke_openly(*given[0])
    until(lambda: store.by_digest([given[0][1].digest])[given[0][1].digest].state is State.ENDED)
    first.start()
    second.kill()
    completed(store, public, given[2][1])
    postgres.kill()
    again = threading.Timer(1.0, postgres.start)
    again.start()
    completed(store, public, given[3][1])
    again.join()
    for part in (public, first):
        part.kill()
    digests = [evidence.digest for _, evidence in given]
    assert sorted(told(store)) == sorted([*(("granted", each) for each in digests), ("ended", digests[0])])


def completed(store: Store, public: Part, evidence: Evidence) -> None:
    """Send a file until it is taken, and wait for the brand's counter-signature."""
    until(lambda: public.sends(write_evidence(evidence)))
    until(lambda: _is_complete(store, evidence))


def _is_complete(store: Store, evidence: Evidence) -> bool:
    try:
        return store.by_digest([evidence.digest])[evidence.digest].is_complete
    except DatabaseUnavailable:
        return False
