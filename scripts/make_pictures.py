"""Take the pictures of the wallet page again, with Chromium and anvil, and write them to docs/pictures/.

    python scripts/make_pictures.py

Pictures differ by a few pixels between machines, so a test cannot compare them. Instead, the hashes of the page's
sources are written beside them, and a test compares those with today's page.
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
    """Return the SHA-256 and the path of each file that the pictures show, as sha256sum writes them."""
    page = [path for path in (ROOT / "js" / "wallet").rglob("*") if path.is_file() and ".test." not in path.name]
    shared = [
        "js/style/base.css",
        "js/style/tokens.css",
        "registry/data/demo_notice.json",
        "registry/data/pages/words.json",
    ]
    paths = [*sorted(page), *(ROOT / name for name in shared)]
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}\n" for path in paths]
    return "".join(lines)


def main() -> int:
    """Take the pictures; return pytest's exit code."""
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
