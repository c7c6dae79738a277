"""What docs/operations.md hands to operators: it names every setting, and its unit and Compose files are valid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from registry.cli.main import program
from registry.notary.settings import NotarySettings

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
EXAMPLES = ROOT / "examples" / "notary"
UNITS = sorted(EXAMPLES.glob("*.service"))


def test_the_page_names_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| `([^`]*)` \|", PAGE, re.M))
    defaults = msgspec.structs.asdict(NotarySettings())
    assert {name: json.loads(value) for name, value in rows.items()} == json.loads(json.dumps(defaults))


def test_every_command_on_the_page_exists() -> None:
    root = program()
    (group,) = (root.get_command(None, "notary"),)  # type: ignore[attr-defined]
    named = set(re.findall(r"consent notary ([a-z]+)", PAGE))
    assert named and named <= set(group.commands)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_valid(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    command = re.search(r"^ExecStart=/opt/consent/bin/consent (notary serve .*)$", text, re.M)
    assert command and "passphrase" not in command[1]
    assert all(line in text for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "LimitCORE=0", "UMask=0077"))
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/consent/bin/consent", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_expose_little(unit: Path) -> None:
    """By systemd's own measure, from 0 to 10; a service without any of these settings has 9.6."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    line = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd is older than 250")
    assert done.returncode == 0, done.stdout


def test_a_wrong_unit_is_noticed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / "wrong.service"
    copy.write_text(UNITS[0].read_text().replace("/opt/consent/bin/consent", "/bin/true") + "[Service]\nNoSuch=yes\n")
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60, check=False)
    assert "NoSuch" in done.stderr


def test_the_compose_file_is_whole() -> None:
    document = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
    services = document["services"]
    assert {"api", "worker", "db", "proxy"} == set(services)
    for name in ("api", "worker"):
        service = services[name]
        assert service["command"][0] == "serve" and service["command"][-2:] == ["--only", name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert (EXAMPLES / service["build"]["context"]).resolve() == ROOT
    for service in services.values():
        assert set(service.get("secrets", ())) <= set(document["secrets"])
        assert set(service["networks"]) <= set(document["networks"])
        sources = [volume.split(":")[0] for volume in service.get("volumes", ())]
        assert {one for one in sources if not one.startswith(".")} <= set(document["volumes"])
        # Passwords come from files, and only the proxy is reached from outside.
        secret = {key: value for key, value in service.get("environment", {}).items() if "PASS" in key}
        assert all(str(value).startswith("/run/secrets/") for value in secret.values())
        assert ("ports" in service) == (service is services["proxy"])
    assert (EXAMPLES / "Caddyfile").is_file()
