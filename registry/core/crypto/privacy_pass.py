"""Privacy Pass tokens of type 0x0002, Blind RSA of 2048 bits (RFC 9577 and 9578), for notaries and their clients.

The notary signs a token without seeing it, and later recognises its own signature, but not whose token it is. The
challenge is one constant for all notaries, so that none can mark its tokens by it; the key alone says whose they are.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from registry.core.crypto.blind_rsa import blind, blind_sign, finalize, is_signed
from registry.core.errors import InvalidInput, Malformed

TOKEN_TYPE = 2
KEY_BITS, KEY_BYTES = 2048, 256
ISSUER = "notary.consent-registry.invalid"
REQUEST_TYPE, RESPONSE_TYPE = "application/private-token-request", "application/private-token-response"
MAX_REQUEST = 3 + KEY_BYTES
# A SubjectPublicKeyInfo with the OID of RSASSA-PSS (SHA-384, MGF1 with SHA-384, a salt of 48 bytes), up to the key.
_SPKI = bytes.fromhex(
    "30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b060960864801"
    "6503040202a2030201300382010f00"
)
_TYPE = TOKEN_TYPE.to_bytes(2, "big")
_INPUT_BYTES = 2 + 32 + 32 + 32
_AUTHORIZATION = re.compile(r'PrivateToken +token="?([A-Za-z0-9_=-]+)"?', re.IGNORECASE)

# RFC 9577, section 2.1: the type, the issuer's name, no redemption context, no origin.
CHALLENGE = _TYPE + len(ISSUER).to_bytes(2, "big") + ISSUER.encode() + bytes(1) + bytes(2)
CHALLENGE_DIGEST = sha256(CHALLENGE).digest()


class TokenKey(NamedTuple):
    """A notary's public key for tokens. ``spki`` is its encoding (RFC 9578, section 6.5), ``id`` the SHA-256 of it."""

    public: RSAPublicKey
    spki: bytes
    id: bytes


class Token(NamedTuple):
    """A token: what is signed (98 bytes), and the signature, which is the authenticator of RFC 9577."""

    signed: bytes
    authenticator: bytes

    @property
    def nonce(self) -> bytes:
        """32 random bytes."""
        return self.signed[2:34]

    @property
    def challenge_digest(self) -> bytes:
        """SHA-256 of the challenge that it answers."""
        return self.signed[34:66]

    @property
    def key_id(self) -> bytes:
        """The id of the key that signed it."""
        return self.signed[66:]


class TokenDraw(NamedTuple):
    """A token that is being drawn: ``request`` goes to the notary, the rest stays with the client."""

    key: TokenKey
    request: bytes
    signed: bytes
    inverse: int


def token_key_of(public: RSAPublicKey) -> TokenKey:
    """Return the key with its encoding and id. ``InvalidInput`` unless it has 2048 bits and the exponent 65537."""
    if public.key_size != KEY_BITS or public.public_numbers().e != 65_537:
        raise InvalidInput("a key for tokens has 2048 bits and the exponent 65537", "Make another key.")
    spki = _SPKI + public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return TokenKey(public, spki, sha256(spki).digest())


def read_token_key(spki: bytes) -> TokenKey:
    """Read a key as ``/v1/info`` gives it. ``Malformed`` for any other encoding."""
    advice = "Ask another notary."
    try:
        public = load_der_public_key(spki.removeprefix(_SPKI))
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed("the notary's key for tokens cannot be read", advice) from None
    if not isinstance(public, RSAPublicKey) or public.key_size != KEY_BITS or token_key_of(public).spki != spki:
        raise Malformed("the notary's key for tokens is none for Blind RSA of 2048 bits", advice)
    return token_key_of(public)


def draw_token(key: TokenKey) -> TokenDraw:
    """Make a request for one token, in which the notary sees nothing of it (RFC 9578, section 6.1)."""
    signed = _TYPE + secrets.token_bytes(32) + CHALLENGE_DIGEST + key.id
    blinded, inverse = blind(key.public, signed)
    return TokenDraw(key, _TYPE + key.id[-1:] + blinded, signed, inverse)


def issue_token(private: RSAPrivateKey, key: TokenKey, request: bytes) -> bytes:
    """Answer a request for a token (RFC 9578, section 6.2).

    ``Malformed`` if it is no request of this type, ``InvalidInput`` if it is for another key or not blinded for it.
    """
    if len(request) != MAX_REQUEST or request[:2] != _TYPE:
        raise Malformed("this is no request for a token of type 2", "Send a TokenRequest of RFC 9578, section 6.1.")
    if request[2] != key.id[-1]:
        raise InvalidInput("the request is for another key", "Blind it for the newest key in /v1/info.")
    return blind_sign(private, request[3:])


def finish_token(draw: TokenDraw, response: bytes) -> bytes:
    """Return the token's 354 bytes (RFC 9578, section 6.3). ``InvalidInput`` if the notary signed with another key."""
    return draw.signed + finalize(draw.key.public, draw.signed, response, draw.inverse)


def parse_token(raw: bytes) -> Token:
    """Split a token. ``Malformed`` unless it has the size and type of one, and answers the one challenge."""
    token = Token(raw[:_INPUT_BYTES], raw[_INPUT_BYTES:])
    if len(raw) != _INPUT_BYTES + KEY_BYTES or raw[:2] != _TYPE or token.challenge_digest != CHALLENGE_DIGEST:
        raise Malformed("this is no token of type 2 for a notary", "Draw another one from its /v1/tokens.")
    return token


def is_token_of(key: TokenKey, token: Token) -> bool:
    """Tell whether the key signed the token."""
    return token.key_id == key.id and is_signed(key.public, token.signed, token.authenticator)


def authorization_of(token: bytes) -> str:
    """Return the value of the ``Authorization`` header that pays with a token (RFC 9577, section 2.2)."""
    return f'PrivateToken token="{urlsafe_b64encode(token).decode()}"'


def read_authorization(value: str) -> Token:
    """Read the token in an ``Authorization`` header; ``Malformed`` for anything else."""
    found = _AUTHORIZATION.fullmatch(value)
    try:
        raw = b"" if found is None else urlsafe_b64decode(found[1])
    except (Base64Error, ValueError):
        raw = b""
    return parse_token(raw)


def authenticate_value(key: TokenKey) -> str:
    """Return the value of the ``WWW-Authenticate`` header that asks for a token (RFC 9577, section 2.1)."""
    challenge, spki = (urlsafe_b64encode(part).decode() for part in (CHALLENGE, key.spki))
    return f'PrivateToken challenge="{challenge}", token-key="{spki}"'
