"""Privacy Pass tokens: what a notary signs without seeing, and what it accepts later."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto import privacy_pass as pp
from registry.core.errors import InvalidInput, Malformed


@cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def key(number: int = 0) -> pp.TokenKey:
    return pp.token_key_of(private_key(number).public_key())


@cache
def a_token() -> bytes:
    draw = pp.draw_token(key())
    return pp.finish_token(draw, pp.issue_token(private_key(0), key(), draw.request))


def test_a_token_is_drawn_and_accepted() -> None:
    token = pp.read_authorization(pp.authorization_of(a_token()))
    assert len(a_token()) == 354 and pp.is_token_of(key(), token)
    assert token.key_id == key().id and token.challenge_digest == pp.CHALLENGE_DIGEST
    assert not pp.is_token_of(key(1), token)


def test_the_notary_sees_nothing_of_the_token() -> None:
    """Nonce, digest and signature are in no request and in no answer."""
    draw = pp.draw_token(key())
    response = pp.issue_token(private_key(0), key(), draw.request)
    token = pp.parse_token(pp.finish_token(draw, response))
    for part in (token.nonce, token.challenge_digest, token.authenticator[:32]):
        assert part not in draw.request + response


def test_a_request_is_laid_out_as_the_rfc_says() -> None:
    request = pp.draw_token(key()).request
    assert len(request) == 259 and request[:2] == b"\x00\x02" and request[2] == key().id[-1]


def test_the_challenge_is_laid_out_as_the_rfc_says() -> None:
    name = pp.ISSUER.encode()
    assert b"\x00\x02" + bytes([0, len(name)]) + name + b"\x00" + b"\x00\x00" == pp.CHALLENGE


def test_the_key_is_encoded_with_the_oid_of_rsassa_pss() -> None:
    spki = key().spki
    assert len(spki) == 4 + 0x152 and spki[:4] == bytes.fromhex("30820152")
    assert bytes.fromhex("06092a864886f70d01010a") in spki[:20]
    assert pp.read_token_key(spki).id == key().id


def test_other_keys_are_refused() -> None:
    plain = private_key(0).public_key()
    with pytest.raises(InvalidInput):
        pp.token_key_of(rsa.generate_private_key(public_exponent=65_537, key_size=1024).public_key())
    with pytest.raises(InvalidInput):
        pp.token_key_of(rsa.RSAPublicNumbers(3, plain.public_numbers().n).public_key())
    for wrong in (key().spki[:-1], key().spki + b"\0", key().spki.removeprefix(pp._SPKI), b"", b"\x30"):
        with pytest.raises(Malformed):
            pp.read_token_key(wrong)


def test_requests_of_other_forms_are_refused() -> None:
    request = pp.draw_token(key()).request
    for wrong in (request[:-1], request + b"\0", b"\x00\x01" + request[2:], b""):
        with pytest.raises(Malformed):
            pp.issue_token(private_key(0), key(), wrong)
    with pytest.raises(InvalidInput, match="another key"):
        pp.issue_token(private_key(0), key(), request[:2] + bytes([request[2] ^ 1]) + request[3:])
    with pytest.raises(InvalidInput, match="no message blinded"):
        pp.issue_token(private_key(0), key(), request[:3] + b"\xff" * 256)


def test_an_answer_by_another_key_is_refused() -> None:
    draw = pp.draw_token(key())
    other = pp.issue_token(private_key(1), key(1), draw.request[:2] + key(1).id[-1:] + b"\x01" + draw.request[4:])
    for wrong in (other, other[:-1], bytes(256)):
        with pytest.raises(InvalidInput):
            pp.finish_token(draw, wrong)


@given(st.integers(0, 353), st.integers(1, 255))
def test_no_altered_token_is_accepted(place: int, change: int) -> None:
    raw = bytearray(a_token())
    raw[place] ^= change
    try:
        assert not pp.is_token_of(key(), pp.parse_token(bytes(raw)))
    except Malformed:
        assert place < 2 or 34 <= place < 66  # the type, or the challenge's digest


@pytest.mark.parametrize("form", ['PrivateToken token="{}"', "PrivateToken token={}", "privatetoken  token={}"])
def test_headers_of_clients_are_read(form: str) -> None:
    text = urlsafe_b64encode(a_token()).decode()
    assert pp.read_authorization(form.format(text)).nonce == pp.parse_token(a_token()).nonce


@pytest.mark.parametrize(
    "text",
    ["", "PrivateToken", 'PrivateToken token=""', "PrivateToken token=AA", "Bearer x", "PrivateToken token=A===="],
)
def test_other_headers_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        pp.read_authorization(text)


def test_the_header_that_asks_for_a_token_holds_challenge_and_key() -> None:
    scheme, challenge, shown = (
        pp.authenticate_value(key()).split('="')[0],
        *pp.authenticate_value(key()).split('"')[1::2],
    )
    assert scheme == "PrivateToken challenge"
    assert urlsafe_b64decode(challenge) == pp.CHALLENGE and urlsafe_b64decode(shown) == key().spki
