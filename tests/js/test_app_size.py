"""What the app loads before anything is unlocked stays small."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files

MAX_FIRST_LOAD = 110 * 1024
_ASSET = re.compile(r'(?:src|href)="\./(assets/[^"]+)"')
_STATIC_IMPORT = re.compile(r'(?:^|[;}])import(?:[^"(;]*from)?"\./([^"]+)"')


def test_the_first_load_is_small() -> None:
    folder = files("registry") / "data" / "web" / "app"
    page = (folder / "index.html").read_bytes()
    waiting, loaded = [*_ASSET.findall(page.decode())], {"index.html": len(gzip.compress(page))}
    assert any(name.endswith(".js") for name in waiting) and any(name.endswith(".css") for name in waiting)
    while waiting:
        name = waiting.pop()
        if name not in loaded:
            raw = (folder / name).read_bytes()
            loaded[name] = len(gzip.compress(raw))
            waiting += (
                [f"assets/{each}" for each in _STATIC_IMPORT.findall(raw.decode())] if name.endswith(".js") else []
            )
    assert sum(loaded.values()) < MAX_FIRST_LOAD, loaded
    # Sealing, signing and Unicode's tables come when they are needed.
    assert (
        sum(loaded.values()) < sum(len(gzip.compress(each.read_bytes())) for each in (folder / "assets").iterdir()) / 3
    )
