"""Where a setting comes from: a flag, ``CONSENT_*``, ``config.toml``, ``network.toml``, the default, in this order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.config.configuration import Configuration, default_home, default_network
from registry.config.home_file import set_members
from registry.config.network_file import read_toml
from registry.core.errors import InvalidInput

PLACES = ("--ipfs", "CONSENT_IPFS", "config.toml", "network.toml", "")


def configured(folder: Path, *places: str, name: str = "ipfs") -> Configuration:
    """A configuration in which these places name the setting, each with its own name as value."""
    (folder / "home").mkdir()
    (folder / "network").mkdir()
    flags: dict[str, Any] = {"home": str(folder / "home"), "network": str(folder / "network")}
    environment = {}
    for place in places:
        if place.startswith("--"):
            flags[name] = place
        elif place.startswith("CONSENT_"):
            environment[place] = place
        elif place:
            where = "home" if place == "config.toml" else "network"
            (folder / where / place).write_text(f'{name} = "{place}"\n')
    return Configuration(flags, environment)


@pytest.mark.parametrize("first", range(len(PLACES)))
def test_the_strongest_place_counts(tmp_path: Path, first: int) -> None:
    configuration = configured(tmp_path, *PLACES[first:])
    assert configuration.source("ipfs") == PLACES[first]
    assert configuration.value("ipfs", "") == PLACES[first]
    assert configuration.settings.ipfs == (PLACES[first] or None)


@pytest.mark.parametrize(
    ("value", "number"), [("3", 3), ("0", 0), ("-1", None), ("x", None), ("1.5", None), ("true", None)]
)
def test_numbers(tmp_path: Path, value: str, number: int | None) -> None:
    (tmp_path / "config.toml").write_text(f"max_backdate = {value}\n" if value != "x" else 'max_backdate = "x"\n')
    configuration = Configuration({"home": str(tmp_path)}, {})
    if number is None:
        with pytest.raises(InvalidInput, match="max_backdate is"):
            configuration.whole_number("max_backdate")
    else:
        assert configuration.whole_number("max_backdate") == number
    assert Configuration({"home": str(tmp_path / "none")}, {}).whole_number("max_backdate") is None


@pytest.mark.parametrize(
    ("line", "allowed"),
    [("", False), ("true", True), ("false", False), ('"TRUE"', True), ("1", None), ('"yes"', None), ("[]", None)],
)
def test_allowing_announcements(tmp_path: Path, line: str, allowed: bool | None) -> None:
    """A party's own configuration alone allows them: the network's folder is somebody else's (item 15)."""
    (tmp_path / "config.toml").write_text(f"allow_announcing = {line}\n" if line else "")
    configuration = Configuration({"home": str(tmp_path), "network": str(tmp_path)}, {})
    if allowed is None:
        with pytest.raises(InvalidInput, match="allow_announcing is"):
            _ = configuration.allow_announcing
        return
    assert configuration.allow_announcing is allowed
    assert Configuration({"home": str(tmp_path)}, {"CONSENT_ALLOW_ANNOUNCING": "1"}).allow_announcing
    assert Configuration({"home": str(tmp_path), "allow_announcing": True}, {}).allow_announcing
    (tmp_path / "network.toml").write_text("allow_announcing = true\n")
    with pytest.raises(InvalidInput, match=r"network\.toml"):
        _ = Configuration({"home": str(tmp_path / "none"), "network": str(tmp_path)}, {}).allow_announcing


def test_text_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("wallet = 7\n")
    with pytest.raises(InvalidInput, match=r"wallet in config\.toml is not text"):
        Configuration({"home": str(tmp_path)}, {}).text("wallet")


def test_no_value_is_shown(tmp_path: Path) -> None:
    """A URL may hold an access key."""
    configuration = Configuration({"rpc_url": "https://node.example/SECRET"}, {"CONSENT_IPFS": "SECRET"})
    assert "SECRET" not in repr(configuration)


@pytest.mark.parametrize("place", ["config.toml", "network.toml"])
def test_credentials_go_to_a_node_that_the_person_named(tmp_path: Path, place: str) -> None:
    """Whoever writes the network's folder must not receive them."""
    configuration = configured(tmp_path, place)
    with (tmp_path / "home" / "config.toml").open("a") as file:
        file.write('ipfs_credentials = "secret.txt"\n')
    if place == "config.toml":
        assert configuration.credentials == tmp_path / "home" / "secret.txt"
    else:
        with pytest.raises(InvalidInput, match="only to an IPFS node that you named yourself"):
            _ = configuration.credentials


def test_home_and_network_by_default(tmp_path: Path) -> None:
    """Naming a network does not change whose home it is (item 18)."""
    assert Configuration({}, {}).network_path == default_network()
    assert Configuration({}, {}).home_path == default_home()
    assert Configuration({}, {}).named_network is None
    named = Configuration({}, {"CONSENT_NETWORK": str(tmp_path / "net")})
    assert (named.network_path, named.home_path) == (tmp_path / "net", default_home())
    assert named.named_network == tmp_path / "net"


@pytest.mark.parametrize("written", ["../net", "{}/net"])
def test_a_home_may_name_its_network(tmp_path: Path, written: str) -> None:
    """Its path is seen from the home, not from where the command happens to run (item 18)."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(f'network = "{written.format(tmp_path)}"\n')
    configuration = Configuration({"home": str(tmp_path / "home")}, {})
    assert configuration.network_path == tmp_path / "net"
    assert Configuration({"home": str(tmp_path / "home"), "network": "/other"}, {}).network_path == Path("/other")


def test_setting_members_keeps_all_other_lines(tmp_path: Path) -> None:
    """A person's comments in config.toml stay (item 18)."""
    file = tmp_path / "config.toml"
    set_members(tmp_path, network=None)
    assert not file.exists()
    file.write_text('# mine\nkey = "shop"\n network = "/old"\n[more]\nn = "kept"\n')
    set_members(tmp_path, network='/new \x7f\t"é"')
    assert read_toml(file)["network"] == '/new \x7f\t"é"'
    set_members(tmp_path, network='/new "é"')
    assert file.read_text() == 'network = "/new \\"é\\""\n# mine\nkey = "shop"\n[more]\nn = "kept"\n'
    set_members(tmp_path, network=None)
    assert file.read_text() == '# mine\nkey = "shop"\n[more]\nn = "kept"\n'


def test_a_member_that_is_written_otherwise_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('"network" = "/old"\n')
    with pytest.raises(InvalidInput, match="cannot be changed"):
        set_members(tmp_path, network="/new")
    assert file.read_text() == '"network" = "/old"\n'


@pytest.mark.parametrize("raw", [b"key = ", b"\xff"])
def test_a_file_that_is_no_toml(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(raw)
    with pytest.raises(InvalidInput, match=r"config\.toml"):
        Configuration({"home": str(tmp_path)}, {}).value("key")
