"""The verifier's conditions. ``None`` is reported as "not asked"; an empty collection never means "anything"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from registry.core.eip712 import Domain, domain_of
from registry.core.errors import InvalidInput
from registry.core.scalars import check_address


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One verifier's conditions.

    ``controllers``: the accounts that may be named as controller. ``purposes``, ``data``, ``terms``: what must be
    granted. ``accepted``: the controller must have counter-signed. ``confirmations``: the number of blocks that must
    lie above the anchor. ``max_backdate``: the seconds before its anchor at which a statement may be dated.
    ``max_facts_age``: the largest age in seconds of the newest block when it is read.
    """

    chain_id: int
    registry: str
    controllers: frozenset[str] | None
    purposes: frozenset[str] | None = None
    data: frozenset[str] | None = None
    terms: str | None = None
    accepted: bool = False
    confirmations: int = 0
    max_backdate: int | None = None
    max_facts_age: int | None = None

    def __post_init__(self) -> None:
        check_address(self.registry)
        self._freeze()
        for name in ("purposes", "data"):
            if getattr(self, name) == frozenset():
                raise InvalidInput(f"{name} is empty: ask for at least one, or pass None for 'not asked'")
        for address in self.controllers or ():
            check_address(address)
        for name in ("confirmations", "max_backdate", "max_facts_age"):
            if (getattr(self, name) or 0) < 0:
                raise InvalidInput(f"{name} is negative")

    def _freeze(self) -> None:
        # Callers may pass lists or mutable sets. An empty list must not pass for None, and a later change must not
        # alter a policy that was already used.
        for name in ("controllers", "purposes", "data"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise InvalidInput(f"{name} is one value, not a set of them")
            if given is not None:
                object.__setattr__(self, name, frozenset(given))

    @cached_property
    def domain(self) -> Domain:
        """The EIP-712 domain that evidence must name."""
        return domain_of(self.chain_id, self.registry)

    @property
    def asked(self) -> Mapping[str, str]:
        """For each condition its value, or "not asked"."""
        answers: dict[str, Iterable[str] | None] = {
            "controller": self.controllers,
            "purposes": self.purposes,
            "data": self.data,
            "terms": None if self.terms is None else {self.terms},
            "acceptance": {"required"} if self.accepted else None,
            "confirmations": {str(self.confirmations)} if self.confirmations else None,
            "max_backdate": None if self.max_backdate is None else {str(self.max_backdate)},
        }
        told = {name: "not asked" if v is None else ", ".join(sorted(v)) for name, v in answers.items()}
        return MappingProxyType(told)  # not cached: a policy holding a proxy could not be pickled
