"""``notary``: the commands about notaries, each in a file beside this."""

from __future__ import annotations

from registry.cli.app import group
from registry.cli.commands import notary_draw, notary_judge

notary = group("notary", "consent notary judge promise.json")
notary_judge.add_to(notary)
notary_draw.add_to(notary)
