"""What the built app makes a browser load before anything is unlocked."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files

_ASSET = re.compile(r'(?:src|href)="\./(assets/[^"]+)"')
_STATIC_IMPORT = re.compile(r'(?:^|[;}])import(?:[^"(;]*from)?"\./([^"]+)"')


def first_load() -> dict[str, int]:
    """Return the gzipped size in bytes of each file of the first load: the page, and what it names, to any depth."""
    folder = files("registry") / "data" / "web" / "app"
    page = (folder / "index.html").read_bytes()
    waiting, loaded = [*_ASSET.findall(page.decode())], {"index.html": len(gzip.compress(page))}
    while waiting:
        name = waiting.pop()
        if name not in loaded:
            raw = (folder / name).read_bytes()
            loaded[name] = len(gzip.compress(raw))
            if name.endswith(".js"):
                waiting += [f"assets/{each}" for each in _STATIC_IMPORT.findall(raw.decode())]
    return loaded


def whole_app() -> int:
    """Return the gzipped size in bytes of everything that the app may ever load."""
    folder = files("registry") / "data" / "web" / "app" / "assets"
    return sum(len(gzip.compress(each.read_bytes())) for each in folder.iterdir())
