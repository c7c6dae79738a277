"""Whose program is at the other end of a connection inside this computer.

The link to a page stands on its browser's command line, where all users of a computer can read it. Linux tells
everybody which user a connection belongs to, so a link that somebody else has read is of no use to them.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

# Programs that do not say which family they want connect over IPv6 to addresses of IPv4.
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


GONE = -1


def is_strangers(user: int | None) -> bool:
    """Is this another user, who is not root? Where the system does not say who it is: no.

    What root serves is for whoever has the link: with sudo, the browser is another user's.
    """
    return os.name == "posix" and os.getuid() != 0 and user not in (os.getuid(), 0, None)


def user_of(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The id of the user whose socket the client's end is, ``GONE`` if it was closed; None where nothing says it."""
    ends = [_written(*client), _written(*server)]
    for table in TABLES:
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines():
                fields = line.split()
                if [end[-13:] for end in fields[1:3]] == ends:
                    return int(fields[7]) if fields[9] != "0" else GONE
    return None


def _written(host: str, port: int) -> str:
    """An address as the tables have it: the 32 bits in this computer's order of bytes."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
