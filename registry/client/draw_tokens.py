"""Draw tokens from a notary, ahead of time: it signs them without seeing them, so none can be told from another."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode

from registry.client.notary import NotaryClient
from registry.core.crypto.privacy_pass import (
    CHALLENGE,
    REQUEST_TYPE,
    RESPONSE_TYPE,
    TokenKey,
    draw_token,
    finish_token,
    read_token_key,
)
from registry.core.errors import ConsentError, InvalidInput, Malformed, NotaryUnavailable

MAX_DRAWN = 1_000


def draw_tokens(client: NotaryClient, count: int, sponsor: str | None = None) -> int:
    """Keep ``count`` new tokens, within the free allowance or the budget of the ``sponsor``'s key; return how many.

    It stops where the notary refuses one: ``NotaryUnavailable`` if that is the first.
    """
    if not 1 <= count <= MAX_DRAWN:
        raise InvalidInput(f"{count} tokens cannot be drawn", f"Draw 1 to {MAX_DRAWN:,}.")
    key, tokens = _key(client), client.tokens
    assert tokens is not None  # the caller's client has a folder for them
    for drawn in range(count):
        try:
            tokens.add(secrets.token_hex(8), _drawn(client, key, sponsor))
        except NotaryUnavailable:
            if not drawn:
                raise
            return drawn
    return count


def _key(client: NotaryClient) -> TokenKey:
    """The key that signs now. A challenge of the notary's own could mark its tokens, so it is refused."""
    try:
        if urlsafe_b64decode(client.info.challenge) != CHALLENGE:
            raise NotaryUnavailable(f"the notary {client.host} has a challenge of its own", "Ask another notary.")
        return read_token_key(urlsafe_b64decode(client.info.token_keys[0].key))
    except (ValueError, IndexError, Malformed):
        raise NotaryUnavailable(f"the notary {client.host} has no key for tokens", "Ask another notary.") from None


def _drawn(client: NotaryClient, key: TokenKey, sponsor: str | None) -> bytes:
    draw = draw_token(key)
    headers = {"Content-Type": REQUEST_TYPE, "Accept": RESPONSE_TYPE}
    if sponsor is not None:
        headers["Authorization"] = f"Bearer {sponsor}"
    try:
        return finish_token(draw, client.post("/v1/tokens", draw.request, headers))
    except NotaryUnavailable:
        raise
    except ConsentError as error:
        raise NotaryUnavailable(f"the notary {client.host} gave no token: {error}", "Ask another notary.") from None
