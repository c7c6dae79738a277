"""``brand``: the commands about a brand's service, each in a file beside this."""

from __future__ import annotations

from registry.cli.app import group
from registry.cli.commands import brand_ask, brand_data, brand_evidence, brand_serve

brand = group("brand", "consent brand init --name NAME --domain DOMAIN --url URL --contact CONTACT")
brand_serve.add_to(brand)
brand_ask.add_to(brand)
brand_data.add_to(brand)
brand_evidence.add_to(brand)
