"""Exit codes, and errors as JSON.

0 yes; 1 no, malformed evidence included; 2 usage, unreadable path, wrong passphrase; 3 could not check, any
unexpected exception included; 130 interrupted; 143 ended by SIGTERM.
"""

from __future__ import annotations

from typing import Any

from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, WrongPassphrase

NO, USAGE, UNKNOWN, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143


def exit_code(error: ConsentError) -> int:
    """Return the exit code for this error."""
    if isinstance(error, CouldNotCheck):
        return UNKNOWN
    return USAGE if isinstance(error, InvalidInput | WrongPassphrase) else NO


def error_document(name: str, message: str, advice: str, code: int) -> dict[str, Any]:
    """Return the document that ``--json`` prints for an error."""
    return {"error": name, "message": message, "advice": advice, "exit": code}
