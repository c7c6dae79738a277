"""What a person fetches of a brand: its counter-signature and its acknowledgement, each verified before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.client.accept import accept
from registry.client.brand_view import BrandView, deliveries_to, look
from registry.client.deliver import Courier
from registry.client.deliveries import Deliveries, Delivery, Reached
from registry.client.grant import grant
from registry.client.party import Party
from registry.client.revoke import revoke
from registry.client.sign import anchor, fresh_salt, sign
from registry.client.web import Web
from registry.core.errors import BrandUnavailable, InvalidInput
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Acknowledgement
from tests.support.http_answers import Answer, Asked, answering
from tests.support.stage import Stage

HOST, NAME = "aurelle.example", "7f" * 16
Files = dict[str, Answer]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.of(tmp_path)


@pytest.fixture
def given(stage: Stage) -> Evidence:
    return grant(stage.alice, stage.request()).evidence


@pytest.fixture
def courier(stage: Stage, given: Evidence) -> Iterator[Callable[[Files], Courier]]:
    """A delivered grant whose brand answers with these files below its capability."""
    files = Files()

    def respond(asked: Asked) -> Answer:
        return files.get(asked.path.removeprefix(f"/v1/grants/{NAME}"), Answer(404, b'{"title":"NotFound"}'))

    with answering(respond) as served:
        deliveries = Deliveries(stage.folder / "home", web=Web({HOST: served.url}))

        def opened(changed: Files) -> Courier:
            files.update(changed)
            parts = {"kind": "Grant", "brand": "Maison Aurelle", "domain": HOST, "since": 1}
            inbox = f"https://{HOST}/v1/evidence"
            deliveries.keep(
                Delivery(
                    digest=to_hex(given.digest),
                    inbox=inbox,
                    capability=NAME,
                    stage=Reached.TAKEN,
                    **parts,  # type: ignore[arg-type]
                )
            )
            return Courier(stage.network, stage.alice.evidence, deliveries)

        yield opened


def said(word: str) -> Answer:
    return Answer(body=f'{{"state":"{word}","kind":"Grant"}}'.encode())


def acknowledged(party: Party, given: Evidence) -> Evidence:
    now = party.network.date_for(party.address)
    message = Acknowledgement(to_hex(given.digest), party.address, now, fresh_salt())
    return anchor(party, message, sign(party, message)).evidence  # type: ignore[arg-type]


def seen(courier: Courier) -> BrandView:
    (one,) = deliveries_to(courier, "all")
    return look(courier, one)


def test_the_counter_signature_is_kept(stage: Stage, given: Evidence, courier: Callable[[Files], Courier]) -> None:
    whole = accept(stage.brand, given).evidence
    view = seen(courier({"": said("complete"), "/evidence": Answer(body=write_evidence(whole))}))
    assert (view.state, view.accepted, view.why) == ("complete", True, None)
    assert next(stage.alice.evidence.all()) == whole


def test_what_is_not_there_yet_is_no_error(courier: Callable[[Files], Courier]) -> None:
    view = seen(courier({"": said("accepting"), "/evidence": Answer(202)}))
    assert (view.state, view.accepted, view.acknowledged, view.why) == ("accepting", False, None, None)


def test_the_acknowledgement_and_how_long_the_brand_took(
    stage: Stage, given: Evidence, courier: Callable[[Files], Courier]
) -> None:
    revoke(stage.alice, given)
    stage.pass_time(90)
    told = acknowledged(stage.brand, given)
    view = seen(courier({"": said("ended"), "/acknowledgement": Answer(body=write_evidence(told))}))
    assert view.why is None and view.acknowledged == told and view.took in (89, 90)
    assert to_hex(told.digest) in stage.alice.evidence.digests()


def test_an_acknowledgement_of_a_grant_that_lives_is_not_asked_for(
    stage: Stage, given: Evidence, courier: Callable[[Files], Courier]
) -> None:
    told = acknowledged(stage.brand, given)
    view = seen(courier({"": said("complete"), "/acknowledgement": Answer(body=write_evidence(told))}))
    assert (view.acknowledged, view.took) == (None, None)


def test_one_that_does_not_hold_is_not_kept(stage: Stage, courier: Callable[[Files], Courier], given: Evidence) -> None:
    other = grant(stage.alice, stage.request(), again=True).evidence
    revoke(stage.alice, given)
    by_another = acknowledged(stage.another_brand("other"), given)
    before = stage.alice.evidence.digests()
    for file in (write_evidence(by_another), write_evidence(acknowledged(stage.brand, other)), b"{}", b""):
        view = seen(courier({"": said("ended"), "/acknowledgement": Answer(body=file)}))
        assert view.acknowledged is None and isinstance(view.why, BrandUnavailable)
    assert stage.alice.evidence.digests() == before


@pytest.mark.parametrize("answer", [said("sold"), Answer(body=b"<html>"), Answer(404), Answer(302), Answer(503)])
def test_words_that_are_not_the_brands(answer: Answer, courier: Callable[[Files], Courier]) -> None:
    view = seen(courier({"": answer}))
    assert view.state == "" and view.why is not None


def test_a_brand_is_named_in_many_ways(stage: Stage, given: Evidence, courier: Callable[[Files], Courier]) -> None:
    opened = courier({})
    for name in ("Maison Aurelle", "maison aurelle", HOST, stage.brand.address, to_hex(given.digest)[:10], "all"):
        assert len(deliveries_to(opened, name)) == 1
    for name in ("Other", "0x12345678", "0x"):
        with pytest.raises(InvalidInput):
            deliveries_to(opened, name)
