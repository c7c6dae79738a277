"""Take the pictures of the wallet page and of the app again, with Chromium and real nodes, into docs/pictures/.

    python scripts/make_pictures.py           both
    python scripts/make_pictures.py app       the app's alone; `page` for the wallet page's

Pictures differ by a few pixels between machines, so a test cannot compare them. Instead, the hashes of the page's
sources are written beside them, and a test compares those with today's page.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
RECORD = PICTURES / "made-from.sha256"
APP_RECORD = PICTURES / "app-made-from.sha256"


def sources() -> str:
    """Return the SHA-256 and the path of each file that the wallet page's pictures show, as sha256sum writes them."""
    page = [path for path in (ROOT / "js" / "wallet").rglob("*") if path.is_file() and ".test." not in path.name]
    shared = [
        "js/style/base.css",
        "js/style/tokens.css",
        "registry/data/demo_notice.json",
        "registry/data/pages/words.json",
    ]
    return _sums([*sorted(page), *(ROOT / name for name in shared)])


def app_sources() -> str:
    """Return the same of the app's pictures: its looks, its English words, and the screens that they show."""
    app = ROOT / "js" / "app"
    screens = [app / "screens" / f"{name}.svelte" for name in ("List", "Receipt", "Request", "Welcome")]
    styles = [app / "app.css", *sorted((ROOT / "js" / "style").glob("*.css"))]
    return _sums([*styles, app / "App.svelte", *screens, app / "words" / "en.json"])


def _sums(paths: list[Path]) -> str:
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT).as_posix()}\n" for path in paths]
    return "".join(lines)


# What takes the pictures, what they show, and where that is recorded.
CAMERAS = {
    "page": ("tests/wallets/browser/test_pictures.py::test_pictures", sources, RECORD),
    "app": ("tests/js/test_app_pictures.py::test_app_pictures", app_sources, APP_RECORD),
}


def main() -> int:
    """Take the pictures; return pytest's exit code, the worse one of two."""
    wanted = sys.argv[1:] or list(CAMERAS)
    return max(_take(*CAMERAS[name]) for name in wanted)


def _take(camera: str, shown: Callable[[], str], record: Path) -> int:
    seen = shown()
    took = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", camera],
        cwd=ROOT,
        env=os.environ | {"CONSENT_PICTURES": str(PICTURES), "CONSENT_REQUIRE_ALL": "1"},
        check=False,
    )
    if took.returncode == 0:
        record.write_text(seen)
    return took.returncode


if __name__ == "__main__":
    sys.exit(main())
