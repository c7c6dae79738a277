"""Which chain and which store a command uses, who said so, and what a person is told before they sign."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from examples.may_i import from_environment
from registry.config.network_file import read_settings, write_settings
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.ipld.cid import cid_of_block
from registry.ledger.base import read_deployment
from registry.net.json_rpc import Call, Node
from registry.storage.sqlite_store import SqliteBlocks
from tests.client.test_web_server import ask, problem
from tests.support.consent_world import Consent, no_of
from tests.support.http_answers import Answer, answering
from tests.support.real_network import DATUM, anvil, make_network, make_parties

pytestmark = pytest.mark.slow
NOBODY = "http://127.0.0.1:9"
SECRET = "4f2ac3e1b0d94d7d"


@pytest.fixture(scope="module")
def chain() -> Iterator[str]:
    with anvil() as url:
        yield url


@pytest.fixture(scope="module")
def made(chain: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    return make_parties(folder, make_network(folder / "network", chain))


@pytest.fixture
def real(made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Consent]:
    """Alice and Aurelle on anvil, on a network whose folder says so; the settings are put back afterwards."""
    before = read_settings(made / "network")
    capsys.readouterr()
    yield Consent(made, capsys, monkeypatch)
    (made / "network" / "network.toml").unlink()
    write_settings(made / "network", **before)
    (made / "alice" / "config.toml").write_text('key = "main"\n')


def block_of(real: Consent) -> int:
    return int(Node(read_settings(real.folder / "network")["rpc_url"], 10).ask(Call("eth_blockNumber")), 16)


def granted(real: Consent) -> Path:
    return Path(real.json("grant", real.folder / "request.json", "--again", "--yes")["file"])


def test_the_folder_alone_is_the_network(real: Consent, chain: str) -> None:
    before = block_of(real)
    status = real.json("status")
    assert (status["chainId"], status["block"]) == (31337, before)
    file = granted(real)
    assert real.json("verify", file, who="aurelle")["chainId"] == 31337 and block_of(real) == before + 1
    assert not (real.folder / "network" / "chain.sqlite").exists()


def test_what_is_nearer_to_the_person_goes_first(real: Consent, chain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = real.folder / "network"
    write_settings(network, rpc_url=NOBODY)
    assert no_of(real("status")) == (3, "LedgerUnavailable")
    config = real.folder / "alice" / "config.toml"
    config.write_text(f'rpc_url = "{chain}"\n')
    assert real("status").code == 0
    monkeypatch.setenv("CONSENT_RPC_URL", NOBODY)
    assert no_of(real("status")) == (3, "LedgerUnavailable")
    assert real("status", "--rpc-url", chain).code == 0


def test_a_zero_nearer_to_the_person_is_said_all_the_same(real: Consent) -> None:
    file = granted(real)
    write_settings(real.folder / "network", confirmations=1000)
    assert no_of(real("verify", file)) == (1, "NotAnchored")
    (real.folder / "alice" / "config.toml").write_text("confirmations = 0\n")
    assert real("verify", file).code == 0


def test_before_anything_is_signed_the_place_is_told(real: Consent, chain: str) -> None:
    deployment = read_deployment(real.folder / "network" / "deployment.json")
    place = f"On chain 31337, registry {deployment.registry}, through {chain} (named by network.toml; network "
    given = real("grant", real.folder / "request.json", "--again", "--yes")
    assert place in given.err and given.err.index("You sign this sentence") < given.err.index(place)
    file = max((real.folder / "alice" / "evidence").glob("0x*.json"), key=lambda path: path.stat().st_mtime_ns)
    assert place in real("accept", file, who="aurelle").err
    assert place in real("revoke", file).err
    asked = real("request", "--notice", real.folder / "notice.json", "--out", real.folder / "r2.json", who="aurelle")
    assert place in asked.err
    assert (
        f"through {chain} (named by --rpc-url"
        in real("refuse", real.folder / "r2.json", "--rpc-url", chain, "--yes").err
    )


def test_a_network_on_another_node_is_not_what_it_says(real: Consent) -> None:
    with anvil("--chain-id", "31338") as other:
        write_settings(real.folder / "network", rpc_url=other)
        answer = real("grant", real.folder / "request.json", "--yes")
        assert no_of(answer)[0] == 3 and "chain 31338" in answer.err
    assert "You sign" not in answer.err


def test_a_folder_may_not_choose_what_is_the_persons(real: Consent) -> None:
    file = real.folder / "network" / "network.toml"
    for line in ('sender = "main"', 'key = "other"', 'ipfs_credentials = "/etc/passwd"', 'network = "/"'):
        file.write_text(line)
        answer = real("status")
        assert no_of(answer) == (2, "InvalidInput") and "network.toml" in answer.err and "Traceback" not in answer.err


def test_programs_can_tell_how_the_store_failed(real: Consent) -> None:
    add = ("vault", "add", real.folder / "request.json", "--category", DATUM)
    old = Answer(body=b'{"Version":"0.12.0"}')
    for answer, kind in ((Answer(429), "StorageLimited"), (Answer(504), "StorageSlow"), (old, "StorageTooOld")):
        with answering(lambda _, answer=answer: answer) as node:  # type: ignore[misc]
            write_settings(real.folder / "network", ipfs=node.url)
            assert no_of(real(*add)) == (3, kind)
    write_settings(real.folder / "network", ipfs=NOBODY)
    assert no_of(real(*add)) == (3, "StorageDown")
    assert json.loads(real(*add, "--json").out)["error"] == "StorageDown"


def test_credentials_never_go_where_a_folder_says(real: Consent) -> None:
    alice = real.folder / "alice"
    secret = alice / "node.txt"
    secret.touch(mode=0o600)
    secret.write_text(f"basic alice:{SECRET}\n")
    asked: list[dict[str, str]] = []

    def respond(request: Any) -> Answer:
        asked.append(request.headers)
        return Answer(status=401)

    with answering(respond) as node:
        write_settings(real.folder / "network", ipfs=node.url)
        (alice / "config.toml").write_text('ipfs_credentials = "node.txt"\n')
        answer = real("vault", "add", real.folder / "request.json", "--category", DATUM)
        assert no_of(answer) == (2, "InvalidInput") and asked == []
        (alice / "config.toml").write_text(f'ipfs_credentials = "node.txt"\nipfs = "{node.url}"\n')
        answer = real("vault", "add", real.folder / "request.json", "--category", DATUM, "-v")
        assert no_of(answer._replace(err=answer.err.splitlines()[-2])) == (3, "StorageUnavailable")
        assert "refuses the credentials" in answer.err and SECRET not in answer.err
        assert asked and all(headers["Authorization"].startswith("Basic ") for headers in asked)
        secret.chmod(0o644)
        answer = real("vault", "add", real.folder / "request.json", "--category", DATUM)
        assert no_of(answer) == (2, "InvalidInput") and "chmod 600" in answer.err


def test_a_key_in_a_url_is_never_shown(real: Consent, chain: str) -> None:
    write_settings(real.folder / "network", rpc_url=f"{chain}/?key={SECRET}")
    said = ""
    for line in (["status"], ["grant", real.folder / "request.json", "--again", "--yes"], ["doctor"]):
        for form in (["-v"], ["--json"]):
            answer = real(*line, *form)
            assert answer.code == 0
            said += answer.out + answer.err
    write_settings(real.folder / "network", rpc_url=f"{NOBODY}/v3/{SECRET}")
    for line in (["status", "-v"], ["doctor", "-v"], ["doctor", "--json"]):
        answer = real(*line)
        assert answer.code == 3
        said += answer.out + answer.err
    assert "127.0.0.1:9" in said and SECRET not in said


def test_what_the_store_lacks_is_read_from_a_gateway(real: Consent) -> None:
    network = real.folder / "network"
    real.json("vault", "add", real.folder / "request.json", "--category", DATUM)
    file = granted(real)
    data = (network / "blocks.sqlite").read_bytes()
    with SqliteBlocks(network / "blocks.sqlite") as store:
        kept = {cid: store.get(cid) for cid in _cids_of(store)}
    (network / "blocks.sqlite").unlink()

    def respond(request: Any) -> Answer:
        cid = request.path.split("/ipfs/")[1].split("?")[0]
        return Answer(body=kept[cid]) if cid in kept else Answer(status=404)

    with answering(respond) as gateway:
        assert no_of(real("open", file, "--out", real.folder / "o1", who="aurelle")) == (3, "StorageUnavailable")
        write_settings(network, gateways=[gateway.url])
        assert real("open", file, "--out", real.folder / "o1", who="aurelle").code == 0
    (network / "blocks.sqlite").write_bytes(data)


def _cids_of(store: SqliteBlocks) -> list[str]:
    rows = store._db.execute("SELECT CAST(data AS BLOB) FROM blocks WHERE live = 1").fetchall()
    return [cid_of_block(row[0]) for row in rows]


class TestWithoutAFolder:
    def verify(self, real: Consent, *more: str) -> Any:
        return real("verify", self.file, "--network", real.folder / "none", *more)

    @pytest.fixture(autouse=True)
    def _granted(self, real: Consent) -> None:
        self.file = granted(real)
        self.registry = read_deployment(real.folder / "network" / "deployment.json").registry

    def test_an_auditor_names_the_registry(self, real: Consent, chain: str) -> None:
        asked = ("--rpc-url", chain, "--registry", self.registry)
        answer = self.verify(real, *asked)
        assert answer.code == 0 and "block" in answer.out
        assert self.verify(real, *asked[:3], self.registry.lower()).code == 0
        assert not (real.folder / "none").exists()
        real("revoke", self.file)
        answer = self.verify(real, *asked)
        assert no_of(answer) == (1, "Revoked")

    def test_what_was_not_yet_revoked_then(self, real: Consent, chain: str) -> None:
        asked = ("--rpc-url", chain, "--registry", self.registry, "--at")
        before = self.newest(chain)
        self.pass_time(chain)
        assert real("revoke", self.file, "--yes").code == 0
        after = self.newest(chain)
        self.pass_time(chain)
        assert int(before) < int(after) < int(self.newest(chain))
        assert self.verify(real, *asked, before).code == 0
        assert no_of(self.verify(real, *asked, after)) == (1, "Revoked")

    @staticmethod
    def newest(chain: str) -> str:
        """The newest block's time, as ``--at`` takes it."""
        return str(int(Node(chain, 10).ask(Call("eth_getBlockByNumber", ("latest", False)))["timestamp"], 16))

    @staticmethod
    def pass_time(chain: str) -> None:
        """Blocks that follow each other at once may be of one time."""
        Node(chain, 10).ask_all([Call("evm_increaseTime", (2,)), Call("anvil_mine", ("0x1",))])

    def test_the_file_does_not_name_it(self, real: Consent, chain: str) -> None:
        assert no_of(self.verify(real, "--rpc-url", chain)) == (2, "InvalidInput")
        verifier = read_deployment(real.folder / "network" / "deployment.json").verifier
        for other in (verifier, "0x" + "11" * 20):
            answer = self.verify(real, "--rpc-url", chain, "--registry", other)
            assert no_of(answer) == (3, "LedgerUnavailable") and other in answer.err and self.registry in answer.err

    def test_a_node_alone_is_told_to_name_the_registry(self, real: Consent, chain: str) -> None:
        """It was told to name a folder alone (section E)."""
        answer = self.verify(real, "--rpc-url", chain)
        assert no_of(answer) == (2, "InvalidInput") and "--registry" in answer.err

    def test_a_server_needs_no_folder(self, real: Consent, chain: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The example in `examples/` on a real node (item 20)."""
        evidence = parse_evidence(Path(self.file).read_bytes())
        message: Any = evidence.statement.message
        monkeypatch.setenv("CONSENT_RPC_URL", chain)
        monkeypatch.setenv("CONSENT_REGISTRY", self.registry.lower())
        monkeypatch.setenv("CONSENT_CONTROLLER", message.controller)
        app = from_environment()
        file, purpose = write_evidence(evidence), message.purposes[0]
        assert ask(app, file, purpose, message.data[0]).status_code == 200
        assert real("revoke", self.file, "--yes").code == 0
        assert problem(ask(app, file, purpose, message.data[0])) == (403, "Revoked")

    def test_a_node_has_to_be_named(self, real: Consent) -> None:
        answer = self.verify(real, "--registry", self.registry)
        assert no_of(answer) == (2, "InvalidInput") and "--rpc-url" in answer.err
        assert no_of(self.verify(real, "--registry", "0x12", "--rpc-url", NOBODY)) == (2, "InvalidInput")
        assert no_of(self.verify(real, "--registry", self.registry, "--rpc-url", NOBODY)) == (3, "LedgerUnavailable")


class TestConfirmations:
    def test_a_writing_command_waits_for_them(self, real: Consent, chain: str) -> None:
        node = Node(chain, 10)
        node.ask(Call("evm_setIntervalMining", (1,)))
        try:
            before = block_of(real)
            given = real.json("grant", real.folder / "request.json", "--again", "--yes", "--confirmations", "2")
            assert block_of(real) >= given["anchor"]["block"] + 2 > before + 2
            assert real("verify", given["file"], "--confirmations", "2").code == 0
        finally:
            node.ask(Call("evm_setIntervalMining", (0,)))
            node.ask(Call("evm_setAutomine", (True,)))

    def test_the_embedded_chain_has_none_to_wait_for(self, asked: Consent) -> None:
        answer = asked("grant", asked.folder / "request.json", "--yes", "--confirmations", "1")
        assert no_of(answer) == (2, "InvalidInput") and not (asked.folder / "alice" / "evidence").exists()


def test_the_terminal_shows_that_it_waits(real: Consent, chain: str) -> None:
    node = Node(chain, 10)

    def go_on() -> None:
        node.ask_all([Call("evm_setAutomine", (True,)), Call("anvil_mine", ("0x1",))])

    line = ["grant", real.folder / "request.json", "--again", "--yes"]
    node.ask(Call("evm_setAutomine", (False,)))
    try:
        shown = on_a_terminal(real, "waiting for a block", go_on, *line)
    finally:
        go_on()
    assert "waiting for a block" in shown and "Hand over" in shown


def on_a_terminal(real: Consent, words: str, then: Callable[[], object], *arguments: object) -> str:
    """All that a terminal shows while the command runs; once it has shown these words, ``then`` is called."""
    ours, theirs = pty.openpty()
    own = {"CONSENT_NETWORK": str(real.folder / "network"), "CONSENT_HOME": str(real.folder / "alice")}
    line = [sys.executable, "-m", "registry", *map(str, arguments)]
    process = subprocess.Popen(
        line, env=os.environ | own | {"TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # how Linux says that the other end has closed
        while piece := os.read(ours, 65536):
            before, shown = shown, shown + piece
            if words.encode() in shown and words.encode() not in before:
                then()
    os.close(ours)
    assert process.wait(60) == 0, shown
    return shown.decode(errors="replace")


def test_a_missing_extra_is_named(real: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("registry.storage.kubo", "registry.storage.kubo_rpc", "registry.storage.kubo_transport"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(name, raising=False)
    monkeypatch.setitem(sys.modules, "ipfshttpclient", None)
    answer = real("vault", "add", real.folder / "request.json", "--category", DATUM, "--ipfs", NOBODY)
    assert no_of(answer) == (2, "InvalidInput") and "pip install 'consent-registry[ipfs]'" in answer.err


def test_verifying_loads_no_web3_and_no_ipfs(real: Consent, chain: str) -> None:
    file = granted(real)
    listing = "import sys; from registry.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    own = {"CONSENT_NETWORK": str(real.folder / "network"), "CONSENT_HOME": str(real.folder / "aurelle")}
    write_settings(real.folder / "network", rpc_url=NOBODY, ipfs=NOBODY)
    line = [sys.executable, "-c", listing, "verify", str(file), "--rpc-url", chain]
    done = subprocess.run(line, env=os.environ | own, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Yes")
    needless = {"web3", "eth", "eth_account", "ipfshttpclient", "requests", "registry.core.age.stream"}
    assert sorted(needless.intersection(done.stderr.split())) == []
