"""A brand as its operator runs it: real processes on anvil, from `brand init` to SIGTERM."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.real_network import anvil, consent, make_network, make_parties, start

pytestmark = pytest.mark.slow
SECONDS = 60.0
FILE = "application/vnd.consent-evidence+json"


class Served:
    """The running service. ``public`` and ``internal`` are the URLs of its listeners."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        lines = (json.loads(process.stdout.readline()) for _ in range(2))
        found = {line["part"]: line["url"] for line in lines}
        self.public, self.internal = found["public"], found["internal"]

    def asks(self, subject: str, **changes: Any) -> httpx.Response:
        question = {"subject": subject, "purpose": "dpv:Personalisation", "data": ["pd:Purchase"], **changes}
        return httpx.post(f"{self.internal}/v1/allowed", json=question, timeout=SECONDS)


@contextmanager
def serving(network: Path, home: Path, folder: Path) -> Iterator[Served]:
    process = start(network, home, "brand", "serve", "--dir", folder)
    try:
        yield Served(process)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0 and "Traceback" not in err, out + err


def until(found: Any) -> Any:
    """Wait until something is found, and return it."""
    ends = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.1)
    return value


def test_a_brands_day(tmp_path: Path) -> None:
    with anvil() as url:
        network = make_network(tmp_path / "network", url)
        make_parties(tmp_path, network)
        home, alice, folder = tmp_path / "aurelle", tmp_path / "alice", tmp_path / "brand"
        named = ("--name", "Maison Aurelle", "--domain", "aurelle.example", "--contact", "privacy@aurelle.example")
        where = ("--dir", folder)
        consent(network, home, "brand", "init", *named, "--url", "https://aurelle.example", *where)
        again = consent(network, home, "brand", "init", *named, "--url", "https://other.example", *where)
        assert not again["madeSettings"] and not again["madeKey"]
        settings = folder / "brand.toml"
        text = settings.read_text().replace("# port = 8700", "port = 0")
        settings.write_text(text.replace("# internal_port = 8701", "internal_port = 0"))
        consent(network, home, "brand", "inbox", *where, code=2)
        asked = consent(
            network, home, "brand", "request", "--notice", tmp_path / "notice.json", *where, "--data", "pd:Purchase"
        )
        profile = consent(network, home, "brand", "profile", *where)
        with serving(network, home, folder) as served:
            path = asked["link"].removeprefix("https://aurelle.example")
            request = tmp_path / "asked.json"
            request.write_bytes(httpx.get(served.public + path).content)
            assert httpx.get(f"{served.public}/.well-known/consent.json").json() == profile

            consent(network, alice, "grant", request, "--yes", "--days", "30")
            evidence = parse_evidence(next((alice / "evidence").glob("0x*.json")).read_bytes())
            digest = to_hex(evidence.digest)
            subject = evidence.statement.message.subject  # type: ignore[union-attr]
            until(lambda: served.asks(subject).status_code == 200)
            assert served.asks(subject).json()["allowed"] is False
            sent = httpx.post(
                f"{served.public}/v1/evidence", content=write_evidence(evidence), headers={"Content-Type": FILE}
            )
            assert sent.status_code in (201, 202), sent.text
            place = served.public + sent.headers["location"]
            until(lambda: httpx.get(f"{place}/evidence").status_code == 200)
            accepted = tmp_path / "accepted.json"
            accepted.write_bytes(httpx.get(f"{place}/evidence").content)
            assert consent(network, alice, "verify", accepted, "--accepted")["verified"]
            assert served.asks(subject).json()["allowed"] is True

            consent(network, alice, "revoke", digest, "--yes")
            assert served.asks(subject, fresh=True).json()["allowed"] is False
            until(lambda: served.asks(subject).json()["allowed"] is False)
            with httpx.stream("GET", f"{served.internal}/v1/events", timeout=SECONDS) as told:
                lines = (line for line in told.iter_lines() if line.startswith("event"))
                assert [next(lines), next(lines)] == ["event: granted", "event: ended"]
            until(lambda: httpx.get(f"{place}/acknowledgement").status_code == 200)
            assert httpx.get(f"{served.public}/v1/info").json()["acknowledged"]["count"] == 1
            figures = httpx.get(f"{served.internal}/metrics").text
            assert "brand_acknowledgements 1.0" in figures and "brand_unacknowledged 0.0" in figures
        inbox = consent(network, home, "brand", "inbox", *where)
        assert (inbox["acknowledged"]["made"], inbox["acknowledged"]["late"], inbox["unsent"]) == (1, 0, 0)
        assert inbox["counts"] == [{"kind": "Grant", "state": "ended", "count": 1}]
        (listed,) = consent(network, home, "brand", "request", *where)["requests"]
        assert (listed["digest"], listed["state"]) == (asked["digest"], "open")
        consent(network, home, "brand", "request", "--withdraw", asked["digest"], *where)
        (listed,) = consent(network, home, "brand", "request", *where)["requests"]
        assert listed["state"] == "withdrawn"
