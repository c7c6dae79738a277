"""Change the passphrase of a home: of its seed and of its key files, each file whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from registry.client.home import Home
from registry.core.errors import WrongPassphrase
from registry.wallets import keyfiles
from registry.wallets.keystore import LIGHT, STANDARD, refuse_guessable


class Changed(NamedTuple):
    """The names of the key files that have the new passphrase now, and of those that have neither it nor the old."""

    keys: list[str]
    left: list[str]


def change_passphrase(home: Home, old: str, new: str, *, guessable: bool = False) -> Changed:
    """Seal the seed, and each key file that ``old`` opens, with ``new``.

    ``WrongPassphrase`` where ``old`` does not open the seed. ``InvalidInput`` for a guessable passphrase, unless
    ``guessable`` allows it.
    """
    if not guessable:
        refuse_guessable(new)
    seed = home.seed(old)
    changed = Changed([], [])
    # The seed comes last: until then ``old`` opens it, so that an interrupted change can be repeated.
    for key in keyfiles.list_keys(home.keys):
        (changed.keys if _change(home, key.name, old, new) else changed.left).append(key.name)
    home.reseal(seed, new, guessable=guessable)
    return changed


def change_key_passphrase(home: Home, name: str, old: str, new: str, *, guessable: bool = False) -> None:
    """Seal one key file, named by its name or address, with ``new``; see `change_passphrase`."""
    if not guessable:
        refuse_guessable(new)
    keyfiles.reseal_key(home.keys, name, old, new, cost=STANDARD if new else LIGHT)


def _change(home: Home, name: str, old: str, new: str) -> bool:
    with suppress(WrongPassphrase):
        change_key_passphrase(home, name, old, new, guessable=True)
        return True
    # A change that was interrupted may have come this far.
    with suppress(WrongPassphrase):
        keyfiles.open_key(home.keys, name, new)
        return True
    return False
