"""Forty searches over the records of `scripts.benchmarks.vault_records`."""

from __future__ import annotations

# The commonest words and the rarest, words that never meet, fields alone and with words, every script.
SEARCHES = (
    "comi", "zeva", "dinonoze", "orrapegu", "comi zeva", "comi orrapegu", "payment", "payment coffee",
    '"comi zeva"', '"gufeba dinonoze"', '"heart rate"', "co*", "quin*", "payment*", "pay* com*", "zzz*",
    "muller", "STRASSENBÄCKEREI", "gruyere", "brulerie port", "北京", "烤鸭店", "茶", "东京都图书馆", "서울", "지하철",
    "category:pd:Purchase", "category:pd:Health comi", "tag:gift coffee", "tag:gift tag:work perfume",
    'source:"by hand" rate', "schema:message muller", "after:2020-01-01 before:2020-02-01",
    "coffee after:2019-06 before:2019-07", "payment before:2016-02", "amount:10..11 EUR",
    "coffee amount:199.50..", "payment amount:-5..5", "sort:rank payment", "sort:rank coffee comi tag:gift",
)  # fmt: skip
