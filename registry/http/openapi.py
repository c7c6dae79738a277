"""What services say of their bodies and answers in the OpenAPI document."""

from __future__ import annotations

from typing import Any

Answers = dict[int | str, dict[str, Any]]
JSON = "application/json"
WORD_PATTERN = "^0x[0-9a-f]{64}$"
WORD: dict[str, Any] = {"type": "string", "pattern": WORD_PATTERN, "description": "32 bytes."}
TIME: dict[str, Any] = {"type": "integer", "minimum": 0, "description": "Unix seconds."}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
ADDRESS: dict[str, Any] = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$", "description": "EIP-55."}
TEXT: dict[str, Any] = {"type": "string"}


def an_object(required: list[str], **members: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these members, not all of them required."""
    return {"type": "object", "required": required, "properties": members, "additionalProperties": False}


def answer(status: int, words: str, schema: dict[str, Any], example: Any, media_type: str = JSON) -> Answers:
    """Return the OpenAPI text of one answer."""
    return {status: {"description": words, "content": {media_type: {"schema": schema, "example": example}}}}
