"""Real processes: exit codes, signals, pipes, terminals, two at once."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.client.home import Home
from registry.client.network_config import open_network
from registry.devnet.processes import wait_until
from tests.support.consent_world import Consent

pytestmark = pytest.mark.slow

CONSENT = [sys.executable, "-m", "registry"]
PATIENCE = 60.0


def environment(world: Consent, who: str = "alice", **more: str) -> dict[str, str]:
    own = {"CONSENT_NETWORK": str(world.folder / "network"), "CONSENT_HOME": str(world.folder / who)}
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    return kept | own | {"TERM": "xterm-256color"} | more


def consent(world: Consent, *arguments: object, who: str = "alice", **more: str) -> subprocess.CompletedProcess[str]:
    line = [*CONSENT, *map(str, arguments)]
    return subprocess.run(
        line, env=environment(world, who, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["verify", "GRANT"], 0),
        (["verify", "GRANT", "--accepted"], 1),
        (["verify", "nothing.json"], 2),
        (["verify", "GRANT", "--rpc-url", "http://127.0.0.1:9"], 3),
    ],
)
def test_the_exit_codes_of_a_process(granted: Consent, line: list[str], code: int) -> None:
    done = consent(granted, *(granted.grant if word == "GRANT" else word for word in line))
    assert done.returncode == code and "Traceback" not in done.stderr
    assert bool(done.stdout) is (code < 2) and bool(done.stderr) is (code >= 2)


def test_what_nobody_expected_is_not_an_answer(granted: Consent) -> None:
    # A break in the installation: a module that verifying needs cannot be loaded.
    program = "import sys; sys.modules['registry.client.verify'] = None\nfrom registry.cli.main import main\nmain()"
    line = [sys.executable, "-c", program, "verify", str(granted.grant)]
    for more, traces in ([], False), (["-v"], True), (["--json"], False):
        done = subprocess.run([*line, *more], env=environment(granted), capture_output=True, text=True)
        assert done.returncode == 3 and "neither yes nor no" in done.stderr
        assert ("Traceback" in done.stderr) is traces
        assert (json.loads(done.stdout)["exit"] if "--json" in more else done.stdout) in (3, "")


@pytest.mark.slow
def test_a_reader_who_leaves_is_not_told_no(granted: Consent) -> None:
    for line in (["verify", str(granted.grant)], ["--help"], ["evidence", "canonical", str(granted.grant)]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [*CONSENT, *line], env=environment(granted), stdout=writing, stderr=subprocess.PIPE, text=True
        )
        os.close(writing)
        assert done.returncode == 3 and "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, line


def test_an_answer_that_could_not_be_written_is_none(granted: Consent) -> None:
    with Path("/dev/full").open("w") as full:
        line = [*CONSENT, "verify", str(granted.grant)]
        done = subprocess.run(line, env=environment(granted), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3 and "Traceback" not in done.stderr


def test_a_closed_stdout_is_survived(granted: Consent) -> None:
    line = ["sh", "-c", '"$@" >&- 2>&-', "sh", *CONSENT, "verify", str(granted.grant)]
    assert subprocess.run(line, env=environment(granted)).returncode == 0


def test_a_narrow_encoding_shows_what_it_can(granted: Consent) -> None:
    notice = granted.folder / "notice.json"
    done = consent(granted, "notice", "show", notice, "--language", "fr", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0 and "\\xe9" in done.stdout


@pytest.mark.slow
def test_two_commands_at_once_both_succeed(asked: Consent) -> None:
    line = [*CONSENT, "refuse", str(asked.folder / "request.json"), "--yes", "--json"]
    running = [
        subprocess.Popen(line, env=environment(asked, who), stdout=subprocess.PIPE, text=True)
        for who in ("alice", "stranger")
    ]
    documents = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len({document["digest"] for document in documents}) == 2
    assert all(consent(asked, "verify", document["file"]).returncode == 0 for document in documents)


_TOLD_TO_END = """
import os, signal, sys
from registry.client.open_bundles import BundleOpener
from registry.cli.main import main

signal.signal(signal.SIGTERM, getattr(signal, sys.argv.pop(1)))
opening = BundleOpener.open

def told(*given):
    opened = opening(*given)
    os.kill(os.getpid(), signal.SIGTERM)
    return opened

BundleOpener.open = told
main()
"""


@pytest.mark.parametrize(("before", "code"), [("SIG_DFL", 143), ("SIG_IGN", 0)])
def test_told_to_end_it_leaves_nothing_in_the_clear(granted: Consent, before: str, code: int) -> None:
    out = granted.folder / "place" / "out"
    line = [sys.executable, "-c", _TOLD_TO_END, before, "open", str(granted.grant), "--out", str(out)]
    done = subprocess.run(line, env=environment(granted, "aurelle"), capture_output=True, text=True, timeout=300)
    assert done.returncode == code and "Traceback" not in done.stderr
    assert done.stderr == ("Interrupted.\n" if code else "")
    assert list(out.parent.iterdir()) == ([] if code else [out])


def test_the_default_folders_are_the_users_own(granted: Consent) -> None:
    home = granted.folder / "user"
    home.mkdir()
    gone = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "CONSENT_NETWORK": "", "CONSENT_HOME": ""}
    done = consent(granted, "keys", "list", "--json", **gone)
    assert done.returncode == 0 and json.loads(done.stdout) == {"accounts": [], "keys": []}
    assert list(home.iterdir()) == []  # looking makes nothing


class Screen:
    """A process on a terminal of 80 columns."""

    def __init__(self, world: Consent, *arguments: object, **more: str) -> None:
        self.shown = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.environ.update(environment(world, **more))
            for name in ("NO_COLOR", "COLUMNS"):
                if name not in more:
                    os.environ.pop(name, None)
            # As it is on every terminal, whatever these tests run under (nohup ignores it).
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.execv(sys.executable, [*CONSENT, *map(str, arguments)])

    def until(self, wanted: str) -> str:
        """Read on until this is shown."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.shown:
            assert time.monotonic() < deadline and self._read(), f"no {wanted!r} in {self.shown!r}"
        return self.shown

    def type(self, text: str) -> None:
        """What a person would press now: never before the process waits for it, as who has read the prompt does.

        Python looks for a Ctrl-C before it begins to read, so it hears of one that comes in between with the next key.
        """
        assert wait_until(self._sleeps, PATIENCE)
        os.write(self._fd, text.encode())

    def ends(self) -> int:
        """Its exit code, once all it shows has been read."""
        while self._read():
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def interrupt(self) -> None:
        os.kill(self._pid, signal.SIGINT)

    def _sleeps(self) -> bool:
        stat = Path("/proc") / str(self._pid) / "stat"
        # Behind the name, which may hold anything, the state comes first. Elsewhere than on Linux it can only be hoped.
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "S"

    def _read(self) -> bool:
        """Was there more, or has it closed?"""
        assert select.select([self._fd], [], [], PATIENCE)[0], f"nothing more after {self.shown!r}"
        try:
            piece = os.read(self._fd, 65536)
        except OSError:  # how Linux says that the other end has closed
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()


def test_saying_yes_at_a_terminal(asked: Consent) -> None:
    screen = Screen(asked, "grant", asked.folder / "request.json", "--days", "9")
    shown = plain(screen.until("Sign it? [y/N]:"))
    assert max(map(len, shown)) <= 80
    screen.type("y\n")
    assert screen.ends() == 0 and "Hand over" in screen.shown
    assert len(list((asked.folder / "alice" / "evidence").iterdir())) == 1


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_control_c_and_the_end_of_input_interrupt(asked: Consent, key: str) -> None:
    screen = Screen(asked, "grant", asked.folder / "request.json")
    screen.until("Sign it? [y/N]:")
    screen.type(key)
    assert screen.ends() == 130 and "Interrupted." in screen.shown and "Traceback" not in screen.shown
    assert not (asked.folder / "alice" / "evidence").exists()


@pytest.mark.slow
def test_a_passphrase_is_never_echoed(asked: Consent) -> None:
    screen = Screen(asked, "init", "--later", "--home", asked.folder / "bob")
    for prompt in ("best of a few words: ", "The same again: "):
        screen.until(prompt)
        screen.type("open sesame\n")
    assert screen.ends() == 0
    screen.until("Back up this folder")
    assert "open sesame" not in screen.shown


def test_control_c_at_a_passphrase_writes_nothing(asked: Consent) -> None:
    screen = Screen(asked, "init", "--home", asked.folder / "bob")
    screen.until("best of a few words: ")
    screen.type("\x03")
    assert screen.ends() == 130 and not (asked.folder / "bob").exists()


@pytest.mark.slow
def test_a_terminal_that_wants_no_colour_gets_none(granted: Consent) -> None:
    for line in (["evidence", "show", granted.grant], ["--help"], ["notice", "show", granted.folder / "notice.json"]):
        screen = Screen(granted, *line, NO_COLOR="1")
        assert screen.ends() == 0 and "\x1b" not in screen.shown
        coloured = Screen(granted, *line)
        assert coloured.ends() == 0 and "\x1b[36m" in coloured.shown


LISTING = "import sys; from registry.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LISTING, "--help"], capture_output=True, text=True)
    loaded = done.stderr.split()
    heavy = {"web3", "eth", "eth_account", "eth_tester", "eth_utils", "cryptography", "msgspec", "rich", "pydantic"}
    assert "typer" in loaded and sorted(heavy.intersection(loaded)) == []


def test_verifying_loads_neither_web3_nor_any_keys(granted: Consent) -> None:
    line = [sys.executable, "-c", LISTING, "verify", str(granted.grant)]
    done = subprocess.run(line, env=environment(granted), capture_output=True, text=True)
    assert done.stdout.startswith("Yes")
    needless = {"web3", "eth_account", "eth_tester", "registry.core.age.stream"}
    assert sorted(needless.intersection(done.stderr.split())) == []


@pytest.mark.parametrize("command", ["verify", "status", "revoke"])
def test_what_ends_or_checks_a_grant_loads_no_library_of_the_search(granted: Consent, command: str) -> None:
    """They must start soon: a kill-switch is used in a hurry, and a brand verifies before each use."""
    named = [] if command == "status" else [str(granted.grant)]
    line = [sys.executable, "-c", LISTING, command, *named]
    done = subprocess.run(line, env=environment(granted), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    needless = {"sqlcipher3", "jsonschema_rs", "jinja2", "icalendar", "vobject"}
    assert sorted(needless.intersection(done.stderr.split())) == []
    vault = Home(granted.folder / "alice").open_vault(open_network(granted.folder / "network"), "")
    assert vault.shares.all()[0].ended is (command == "revoke")
