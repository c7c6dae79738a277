"""Take the pictures of the wallet page anew, with Chromium and anvil: docs/pictures/.

    python scripts/make_pictures.py

Pictures differ by a few pixels from one machine to the next, so what they were made from is written beside them, and a
test holds that against the page of today.
"""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
RECORD = PICTURES / "made-from.sha256"
CAMERA = "tests/wallets/browser/test_pictures.py::test_pictures"


def sources() -> str:
    """What the pictures show: the SHA-256 of each file, and its path, as sha256sum writes them."""
    paths = [*sorted((ROOT / "registry" / "wallets" / "page").iterdir()), ROOT / "registry/data/demo_notice.json"]
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}\n" for path in paths]
    return "".join(lines)


def main() -> int:
    """Take them; the exit code is pytest's."""
    seen = sources()
    took = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", CAMERA],
        cwd=ROOT,
        env=os.environ | {"CONSENT_PICTURES": str(PICTURES), "CONSENT_REQUIRE_ALL": "1"},
        check=False,
    )
    if took.returncode == 0:
        RECORD.write_text(seen)
    return took.returncode


if __name__ == "__main__":
    sys.exit(main())
