"""The package as users get it: built, installed into an empty environment, and run without a checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: object, cwd: Path) -> str:
    """Run a command without this checkout in its environment; return its standard output."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("CONSENT_", "PYTHON", "VIRTUAL_ENV"))}
    ran = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept, capture_output=True, text=True, timeout=500, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the sdist, and the wheel from the sdist; return their paths by suffix."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return {path.suffix: path for path in out.iterdir()}


@pytest.fixture(scope="module")
def python(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel and its dependencies at the locked versions only."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "env", with_pip=True)
    interpreter = folder / "env" / "bin" / "python"
    pins = re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    (folder / "pins.txt").write_text("\n".join(pins))
    run(interpreter, "-m", "pip", "install", "-q", "-c", folder / "pins.txt", built[".whl"], cwd=folder)
    return interpreter


def test_the_wheel_contains_the_data_and_no_tests(built: dict[str, Path]) -> None:
    names = zipfile.ZipFile(built[".whl"]).namelist()
    for needed in (
        "registry/py.typed",
        "registry/data/vocabulary.json",
        "registry/data/unicode.json",
        "registry/data/schemas/purchase-1.json",
        "registry/data/import_columns.json",
        "registry/data/pages/export.html",
        "registry/data/web/app/index.html",
        "registry/data/web/wallet/page.js",
        "registry/data/web/button/consent-button.js",
        "registry/artifacts/ConsentRegistry.json",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "contracts/"))]


def test_the_sdist_contains_the_tests_and_their_inputs(built: dict[str, Path]) -> None:
    with tarfile.open(built[".gz"]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for needed in (
        "contracts/ConsentRegistry.sol",
        "tests/support/builders.py",
        "Makefile",
        "requirements.lock",
        "LICENSE",
        "js/package-lock.json",
        "js/vite.config.ts",
    ):
        assert needed in names
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_demo_runs_without_a_checkout_and_without_the_fast_extra(python: Path, tmp_path: Path) -> None:
    out = run(python.parent / "consent", "demo", "--json", cwd=tmp_path)
    steps = [json.loads(line) for line in out.splitlines()]
    assert [step["step"] for step in steps][-2:] == ["checked", "end"]
    assert steps[-2]["status"] == "Revoked"
    installed = run(python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path)
    assert "coincurve" not in installed


def test_the_version_names_package_contracts_and_formats(python: Path, tmp_path: Path) -> None:
    lines = run(python.parent / "consent", "--version", cwd=tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == ["consent-registry", "contracts", "formats"]


def test_nothing_is_written_where_the_demo_ran(python: Path, tmp_path: Path) -> None:
    run(python.parent / "consent", "demo", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
