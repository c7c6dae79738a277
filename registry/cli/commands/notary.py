"""``notary``: the commands about notaries, each in a file beside this."""

from __future__ import annotations

from registry.cli.app import group
from registry.cli.commands import notary_draw, notary_judge, notary_serve, notary_sponsors, notary_status

notary = group("notary", "consent notary init")
notary_serve.add_to(notary)
notary_status.add_to(notary)
notary_sponsors.add_to(notary)
notary_judge.add_to(notary)
notary_draw.add_to(notary)
