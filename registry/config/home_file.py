"""``config.toml``, a party's own settings: people write it, and a few members are set for them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from registry.config.network_file import read_toml
from registry.core.errors import InvalidInput
from registry.fs.files import replace_file

HOME_FILE = "config.toml"


def set_members(home: Path, **values: str | None) -> None:
    """Set these members of the home's ``config.toml``, or remove those that are None. All other lines stay.

    ``InvalidInput`` where the file is written in a way that hides them, and nothing is changed.
    """
    file = home / HOME_FILE
    old = read_toml(file)
    others = {name: value for name, value in old.items() if name not in values}
    named = {name: value for name, value in values.items() if value is not None}
    if old == others | named:
        return
    mine = re.compile(rf"\s*({'|'.join(values)})\s*=")
    lines = file.read_text("utf-8-sig").splitlines(keepends=True) if file.exists() else []
    # Members stand before any table, which would take them.
    added = [f"{name} = {_quoted(value)}\n" for name, value in named.items()]
    try:
        raw = "".join([*added, *(line for line in lines if not mine.match(line))]).encode()
        fits = tomllib.loads(raw.decode()) == others | named
    except (UnicodeEncodeError, tomllib.TOMLDecodeError):
        fits = False
    if not fits:
        raise InvalidInput(f"{file} cannot be changed", f"Set {' and '.join(values)} in it yourself.")
    replace_file(file, raw)


def _quoted(text: str) -> str:
    # JSON leaves DEL as it is, and TOML forbids it.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
