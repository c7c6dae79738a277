"""What docs/operations-brand.md hands to operators: it names every setting and figure, and its files are valid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from registry.brand.settings import BrandSettings
from registry.cli.main import program

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "operations-brand.md").read_text()
EXAMPLES = ROOT / "examples" / "brand"
UNITS = sorted(EXAMPLES.glob("*.service"))
PARTS = ("public", "internal", "worker")


def test_the_page_names_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| `([^`]*)` \|", PAGE, re.M))
    defaults = msgspec.structs.asdict(BrandSettings())
    assert {name: json.loads(value) for name, value in rows.items()} == json.loads(json.dumps(defaults))


def test_every_command_on_the_page_exists() -> None:
    group = program().get_command(None, "brand")  # type: ignore[attr-defined]
    named = set(re.findall(r"consent brand ([a-z]+)", PAGE))
    assert named and named <= set(group.commands)


def test_the_page_names_every_figure() -> None:
    source = (ROOT / "registry" / "brand" / "figures.py").read_text()
    figures = set(re.findall(r'"(brand_[a-z_]+)"', source))
    named = {name.removesuffix("_total") for name in re.findall(r"`(brand_[a-z_]+)", PAGE)}
    unnamed = {"brand_view_block", "brand_acknowledgements", "brand_unacknowledged"}
    assert figures - unnamed == named


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_valid(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    command = re.search(r"^ExecStart=/opt/consent/bin/consent (brand serve .*)$", text, re.M)
    assert command and "passphrase" not in command[1]
    assert all(line in text for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "LimitCORE=0", "UMask=0077"))
    assert "notary" not in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit.name
    copy.write_text(text.replace("/opt/consent/bin/consent", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_compose_file_is_whole() -> None:
    document = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
    services = document["services"]
    assert {*PARTS, "db", "proxy"} == set(services)
    for name in PARTS:
        service = services[name]
        assert service["command"][:2] == ["brand", "serve"] and service["command"][-2:] == ["--only", name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        # What strangers reach holds no key.
        assert ("passphrase" in service["secrets"]) == (name != "public")
    for service in services.values():
        assert set(service.get("secrets", ())) <= set(document["secrets"])
        assert set(service["networks"]) <= set(document["networks"])
        secret = {key: value for key, value in service.get("environment", {}).items() if "PASS" in key}
        assert all(str(value).startswith("/run/secrets/") for value in secret.values())
        assert ("ports" in service) == (service is services["proxy"])
    # The proxy reaches the public listener alone by its configuration.
    assert re.findall(r"reverse_proxy (\S+)", (EXAMPLES / "Caddyfile").read_text()) == ["public:8700"]
