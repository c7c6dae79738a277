"""Tells which user of this computer is at the other end of a local connection.

The link to a page is on the browser's command line, where all users can read it. Linux says which user a connection
belongs to, so the server can refuse another user who has read the link.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

# A program may reach an IPv4 address through an IPv6 socket, so both tables count.
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
GONE = -1


def is_strangers(user: int | None) -> bool:
    """Tell whether this is another user than ours and root; False if the system does not say who it is.

    If we are root, nobody is a stranger: with sudo, the browser belongs to another user.
    """
    return os.name == "posix" and os.getuid() != 0 and user not in (os.getuid(), 0, None)


def user_of(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Return the id of the user who owns the client's socket, ``GONE`` if it is closed, None if it is unknown."""
    ends = [_table_entry(*client), _table_entry(*server)]
    for table in TABLES:
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines():
                fields = line.split()
                if [end[-13:] for end in fields[1:3]] == ends:
                    return int(fields[7]) if fields[9] != "0" else GONE
    return None


def _table_entry(host: str, port: int) -> str:
    """Format an address as in the tables: its 32 bits in this computer's byte order."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
