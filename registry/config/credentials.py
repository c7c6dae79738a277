"""The credentials for an IPFS node: one line in a file of mode 0600."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from registry.core.errors import InvalidInput

MAX_CREDENTIALS_BYTES = 8 * 1024


def read_credentials(file: Path) -> dict[str, Any]:
    """Read one line, "basic USER:PASSWORD" or "bearer TOKEN": ``basic`` or ``bearer`` for a `KuboBlocks`.

    ``InvalidInput`` if other users may read the file, or if it holds anything else. It quotes nothing of the file.
    """
    try:
        with file.open("rb") as source:
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode)
            text = source.read(MAX_CREDENTIALS_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidInput(f"the credentials in {file} cannot be read: {why}", "Check the path.") from None
    if os.name == "posix" and mode & 0o077:
        advice = f"Run: chmod 600 {file}. Then change the credentials, because other users may have read them."
        raise InvalidInput(f"other users may read the credentials in {file} (mode {mode:03o})", advice)
    kind, _, value = text.partition(" ")
    user, colon, password = value.partition(":")
    if kind == "basic" and colon and user:
        return {"basic": (user, password)}
    if kind == "bearer" and value:
        return {"bearer": value}
    raise InvalidInput(f"{file} holds no credentials", 'Write one line: "basic USER:PASSWORD" or "bearer TOKEN".')
