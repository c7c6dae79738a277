"""Splits a vault seed into shares for guardians, and joins them: SLIP-39, one group, without SLIP-39's passphrase.

Fewer shares than needed reveal nothing of the seed. With a passphrase, a wrong one would give another seed without an
error, so there is none. The words are secret, so no error message here contains one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry.core.errors import InvalidInput
from registry.wallets.keystore import SECRET_BYTES
from registry.wallets.mnemonic import nearest_in, split_words

WORDS = 33
MIN_NEEDED, MAX_SHARES = 2, 16
# SLIP-39 takes 10,000 * 2**exponent rounds of PBKDF2. A share of ours says 1; a forged one could say 15.
MAX_EXPONENT = 5


class Share:
    """One share of a seed. ``needed`` shares with the same ``parameters`` restore it. Its repr shows no word."""

    __slots__ = ("_share", "needed", "parameters", "place")

    def __init__(self, share: Any) -> None:
        self._share = share
        self.parameters, self.needed, self.place = share.group_parameters(), share.member_threshold, share.index

    @property
    def raw(self) -> Any:
        """The share as `shamir_mnemonic` has it."""
        return self._share

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Share) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self._share)

    def __repr__(self) -> str:
        return f"Share({self.place + 1}, {self.needed} are needed)"


def split_seed(seed: bytes, shares: int, needed: int) -> list[str]:
    """Return the words of ``shares`` new shares, of which any ``needed`` restore the seed."""
    if len(seed) != SECRET_BYTES:
        raise InvalidInput(f"a seed has {SECRET_BYTES} bytes", f"Pass exactly {SECRET_BYTES} bytes.")
    if not MIN_NEEDED <= needed <= shares <= MAX_SHARES:
        advice = f"Make {MIN_NEEDED} to {MAX_SHARES} shares, of which {MIN_NEEDED} or more are needed."
        raise InvalidInput(f"a seed cannot have {shares} shares of which {needed} are needed", advice)
    return list(_library().generate_mnemonics(1, [(needed, shares)], seed)[0])


def parse_share(text: str) -> Share:
    """Return the share that these words are, in any case and with any white space between."""
    words = split_words(text)
    if len(words) != WORDS:
        raise InvalidInput(f"a share of a seed has {WORDS} words, and there are {len(words)}", "Give all, in order.")
    if wrong := unknown_words(words):
        numbers = ", ".join(map(str, wrong))
        raise InvalidInput(f"not in the list of words: number {numbers}", "Check its spelling, and try again.")
    try:
        share = _library().Share.from_mnemonic(" ".join(words))
    except _library().MnemonicError:
        advice = "One word is wrong, or two are swapped; compare them with what the guardian has."
        raise InvalidInput("the words are no share (their checksum is wrong)", advice) from None
    if share.group_count != 1 or share.member_threshold < MIN_NEEDED or share.iteration_exponent > MAX_EXPONENT:
        advice = "Give the shares that `consent keys guardians split` made."
        raise InvalidInput("this share was made by another program, in a way that is not supported", advice)
    return Share(share)


def unknown_words(words: Sequence[str]) -> list[int]:
    """Return the positions, from 1, of the words that are not in SLIP-39's list."""
    known = set(_list())
    return [position for position, word in enumerate(words, 1) if word not in known]


def nearest_word(word: str) -> str:
    """Return the word of SLIP-39's list that was probably meant."""
    return nearest_in(_list(), word)


def check_set(shares: Sequence[Share]) -> None:
    """``InvalidInput`` where two of these shares cannot belong to one split, or are the same one."""
    for number, share in enumerate(shares, 1):
        if share.parameters != shares[0].parameters:
            advice = "Shares of two splits do not fit together, even of one seed. Give shares of one."
            raise InvalidInput(f"share {number} is of another split than share 1", advice)
        if share.place in {each.place for each in shares[: number - 1]}:
            raise InvalidInput(f"share {number} was given before", "Give each share once.")


def join_seed(shares: Sequence[Share]) -> bytes:
    """Return the seed. ``InvalidInput`` for too few shares, or for one that does not fit to the others."""
    check_set(shares)
    needed = shares[0].needed if shares else MIN_NEEDED
    if len(shares) < needed:
        raise InvalidInput(f"{needed} shares are needed, and there are {len(shares)}", "Ask another guardian.")
    # Each share that is more than needed must lead to the same secret.
    found = {_joined([*shares[: needed - 1], last]) for last in shares[needed - 1 :]}
    if len(found) > 1 or None in found:
        advice = "One of them is not what was handed out; try again with others."
        raise InvalidInput("the shares do not fit together (their digest is wrong)", advice)
    return bytes(found.pop().decrypt(b""))


def _joined(shares: Sequence[Share]) -> Any:
    """Return the encrypted secret of exactly as many shares as are needed; None where they do not fit."""
    library = _library()
    groups = library.decode_mnemonics([share.raw.mnemonic() for share in shares])
    try:
        return library.recover_ems(groups)
    except library.MnemonicError:
        return None


def _library() -> Any:
    try:
        import shamir_mnemonic
    except ModuleNotFoundError as error:
        advice = "Install it: pip install 'consent-registry[vault]'."
        raise InvalidInput(f"the part for guardians is not installed ({error.name})", advice) from None
    return shamir_mnemonic


def _list() -> list[str]:
    _library()
    from shamir_mnemonic.wordlist import WORDLIST

    return list(WORDLIST)
