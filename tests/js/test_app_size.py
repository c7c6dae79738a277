"""What the app loads before anything is unlocked stays small."""

from __future__ import annotations

from tests.support.app_files import first_load, whole_app

MAX_FIRST_LOAD = 110 * 1000


def test_the_first_load_is_small() -> None:
    loaded = first_load()
    assert any(name.endswith(".js") for name in loaded) and any(name.endswith(".css") for name in loaded)
    assert sum(loaded.values()) < MAX_FIRST_LOAD, loaded
    # Sealing, signing and Unicode's tables come when they are needed.
    assert sum(loaded.values()) < whole_app() / 3
