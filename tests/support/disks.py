"""Disks that refuse: each function of the system fails with an error number of a test's choice."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from fcntl import LOCK_UN
from pathlib import Path
from typing import Any

import pytest

# A file system answers so if it has no such operation: exFAT, SMB, NFS without locks, FUSE.
REFUSALS = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.ENOLCK}
FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}


def _is_folder(handle: Any) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def _always(*_: Any, **__: Any) -> bool:
    return True


# What fails: the module and the name of a function, and which of its calls.
# Cleaning up opens folders with `dir_fd`, and loops for long if it may not.
FAULTS: dict[str, tuple[tuple[str, Callable[..., bool]], ...]] = {
    "hard link": (("os.link", _always),),
    "sync of a file": (("os.fsync", lambda handle: not _is_folder(handle)),),
    "sync of a folder": (("os.fsync", _is_folder),),
    "reading a folder": (("os.open", lambda path, *_, **how: not how and Path(path).is_dir()),),
    "mode": (("os.chmod", _always), ("os.fchmod", _always)),
    "lock": (("fcntl.flock", lambda _, operation: operation != LOCK_UN),),
    "rename": (("os.rename", _always), ("os.replace", _always)),
    "new folder": (("os.mkdir", _always),),
    "new file": (("os.open", lambda _, flags, *__, **___: bool(flags & os.O_CREAT)),),
}
DURABLE = ("hard link", "sync of a file", "sync of a folder", "reading a folder", "mode")
ESSENTIAL = ("rename", "new folder", "new file")


def break_disk(patch: pytest.MonkeyPatch, fault: str, number: int) -> None:
    """Make every such call fail with this ``errno``."""
    for name, concerns in FAULTS[fault]:
        module, _, function = name.partition(".")
        real = getattr(__import__(module), function)

        def failing(*args: Any, _real: Any = real, _concerns: Any = concerns, **how: Any) -> Any:
            if _concerns(*args, **how):
                raise OSError(number, os.strerror(number), args[0] if isinstance(args[0], str) else None)
            return _real(*args, **how)

        patch.setattr(name, failing)
