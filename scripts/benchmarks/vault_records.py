"""Invented records of a life, the same ones for the same arguments, for the figures of the personal database.

``purchases(100_000)`` are what a shop's export holds; ``life(500_000)`` mixes them with payments, messages, places and
measurements, in several languages. A word's frequency follows Zipf's law, as in real text: a few words stand in most
records, and most words in a few.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from registry.core.sealed.records import Record

HOME = "00112233445566aa"
_FIRST = datetime(2016, 1, 1, tzinfo=UTC)
_DAYS = 3650
_SYLLABLES = (
    "ba",
    "co",
    "di",
    "fe",
    "gu",
    "la",
    "mi",
    "no",
    "pe",
    "ra",
    "so",
    "tu",
    "va",
    "ze",
    "quin",
    "mar",
    "el",
    "or",
)
_SHOPS = ("Maison Aurelle", "Café Müller", "Straßenbäckerei", "Brûlerie du Port", "Livraria São João", "Nordlys Øl")
_GOODS = ("coffee", "perfume", "shirt", "notebook", "bread", "lamp", "umbrella", "chocolate", "Gruyère", "Bürste")
_CHINESE = ("北京烤鸭店", "上海地铁站", "东京都图书馆", "京都抹茶", "红茶", "明天见面", "生日快乐", "电影票")
_KOREAN = ("서울 지하철", "김치찌개 식당", "생일 축하")
_TAGS = ("gift", "work", "holiday", "family", "tax")
_SOURCES = ("aurelle.example export", "bank.example export", "phone.example backup", "by hand")
_CURRENCIES = ("EUR", "EUR", "EUR", "CHF", "JPY")


def purchases(count: int, seed: int = 1) -> Iterator[Record]:
    """Yield so many purchases, oldest first."""
    rng, words = random.Random(seed), _Words(seed)  # noqa: S311 - invented data, no secrets
    for number in range(count):
        yield _purchase(rng, words, number, _moment(rng, number, count))


def life(count: int, seed: int = 2) -> Iterator[Record]:
    """Yield so many records of five kinds, oldest first."""
    rng, words = random.Random(seed), _Words(seed)  # noqa: S311 - invented data, no secrets
    kinds = (_purchase, _purchase, _purchase, _purchase, _payment, _payment, _message, _message, _place, _measurement)
    for number in range(count):
        yield kinds[rng.randrange(len(kinds))](rng, words, number, _moment(rng, number, count))


def record_id(number: int, moment: datetime) -> str:
    """A UUIDv7 of this moment whose other bits say the number."""
    digits = f"{int(moment.timestamp() * 1000):012x}7{number >> 12 & 0xFFF:03x}8{number & 0xFFF:03x}{number:012x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class _Words:
    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311 - invented data, no secrets
        self._all = ["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(20_000)]
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(len(self._all))))

    def some(self, rng: random.Random, count: int) -> str:
        return " ".join(rng.choices(self._all, cum_weights=self._weights, k=count))


def _moment(rng: random.Random, number: int, count: int) -> datetime:
    seconds = _DAYS * 86_400 * number // count + rng.randrange(60)
    return _FIRST + timedelta(seconds=seconds)


def _tags(rng: random.Random) -> tuple[str, ...]:
    return tuple(sorted(rng.sample(_TAGS, rng.choice((0, 0, 0, 1, 2)))))


def _purchase(rng: random.Random, words: _Words, number: int, moment: datetime) -> Record:
    body = {
        "name": f"{rng.choice(_GOODS)} {words.some(rng, 4)}",
        "orderDate": f"{moment:%Y-%m-%d}",
        "orderNumber": f"A-{number:07d}",
        "price": f"{rng.randrange(50, 20_000) / 100:.2f}",
        "priceCurrency": rng.choice(_CURRENCIES),
        "quantity": rng.randint(1, 3),
        "seller": rng.choice(_SHOPS),
    }
    time = f"{moment:%Y-%m-%d}"  # a shop's export says the day
    id_ = record_id(number, moment)
    return Record(id_, 1, HOME, "pd:Purchase", "purchase/1", time, _SOURCES[0], _tags(rng), body)


def _payment(rng: random.Random, words: _Words, number: int, moment: datetime) -> Record:
    amount = rng.randrange(-300_000, 300_000) / 100
    body = {"amount": f"{amount:.2f}", "currency": "EUR", "description": f"payment {words.some(rng, 5)}"}
    return _own(number, moment, "pd:Transactional", "transaction/1", _SOURCES[1], (), body)


def _message(rng: random.Random, words: _Words, number: int, moment: datetime) -> Record:
    chance = rng.random()
    text = words.some(rng, rng.randint(5, 60))
    if chance < 0.1:
        text = "".join(rng.choices(_CHINESE, k=3))
    elif chance < 0.15:
        text = f"{rng.choice(_KOREAN)} {words.some(rng, 3)}"
    body = {"text": text, "sender": words.some(rng, 2), "recipient": "me"}
    return _own(number, moment, "pd:Communication", "message/1", _SOURCES[2], _tags(rng), body)


def _place(rng: random.Random, words: _Words, number: int, moment: datetime) -> Record:
    body = {"name": f"{rng.choice(_SHOPS)} {words.some(rng, 2)}", "latitude": 48.85, "longitude": 2.35}
    return _own(number, moment, "pd:Location", "place-visited/1", _SOURCES[2], _tags(rng), body)


def _measurement(rng: random.Random, words: _Words, number: int, moment: datetime) -> Record:
    body = {"name": "heart rate", "value": rng.randint(50, 150), "unitText": "bpm", "note": words.some(rng, 1)}
    return _own(number, moment, "pd:Health", "health-measurement/1", _SOURCES[3], (), body)


def _own(
    number: int,
    moment: datetime,
    category: str,
    schema: str,
    source: str,
    tags: tuple[str, ...],
    body: dict[str, Any],
) -> Record:
    time = f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
    return Record(record_id(number, moment), 1, HOME, category, schema, time, source, tags, body)
