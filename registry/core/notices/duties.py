"""What a fiduciary says of itself: the member ``mandate`` of its notice's ``more`` (docs/formats.md, "Notice")."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct

from registry.core.errors import InvalidInput, Malformed
from registry.core.notices.document import Notice, check_plain
from registry.core.notices.plain_text import TEXT
from registry.core.notices.rendering import ANY, POWER, label_of
from registry.core.statements.mandate import check_powers

_CORRECT = "Ask the fiduciary to correct its notice; docs/formats.md says what `more.mandate` holds."
_Said = Annotated[str, Meta(min_length=1)]


class Duties(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """In one language: what the fiduciary owes the person, costs, who pays it, and its conflicting interests."""

    duties: _Said
    fees: _Said
    paid_by: _Said
    conflicts: _Said


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """What a fiduciary offers: the powers that it uses, and its `Duties` by language."""

    powers: tuple[str, ...]
    text: dict[str, Duties]


def service_of(notice: Notice) -> Service:
    """Return what a fiduciary's notice says of itself.

    ``InvalidInput`` for the notice of somebody who takes no mandates. ``Malformed`` names the place of a fault.
    """
    if "mandate" not in notice.more or next(iter(notice.text.values())).Mandate is UNSET:
        what = f"{notice.controller.full_name} takes no mandates: its notice has no sentence for one, or no duties"
        raise InvalidInput(what, "Give the offer of a fiduciary.")
    try:
        service = msgspec.convert(notice.more["mandate"], Service)
        check_powers(service.powers)
    except (msgspec.ValidationError, Malformed) as error:
        raise Malformed(f"more.mandate: {error}", _CORRECT) from None
    if service.text.keys() != notice.text.keys():
        raise Malformed("more.mandate.text has other languages than the notice", _CORRECT)
    for language, said in service.text.items():
        for name, value in msgspec.to_builtins(said).items():
            check_plain(value, TEXT, f"more.mandate.text.{language}.{name}")
        for label in (ANY, *(POWER + power for power in service.powers)):
            label_of(notice.text[language], label)
    return service
