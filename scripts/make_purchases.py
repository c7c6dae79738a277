"""Write registry/data/purchases.csv: two years of purchases of an invented person.

    python scripts/make_purchases.py

Every brand is invented and every domain ends in ``.example`` (RFC 2606), so this is nobody's data. The rhythm is
realistic: groceries every week, clothes by season and in the sales, perfume as a gift in December, a few returns, and
holidays abroad without purchases at home. There are no medicines on purpose: they would reveal health, a special
category of data (GDPR, article 9) that the demo's notice does not ask for.

The articles and the habits are in purchases.toml beside this script. A line is one article of one receipt. Amounts are
in the currency's own units (ISO 4217: yen have no decimals). A return has a negative quantity and names the receipt
that it undoes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

_OUTPUT = Path(__file__).parent.parent / "registry" / "data" / "purchases.csv"
_CATALOGUE = Path(__file__).parent / "purchases.toml"
_FIRST, _LAST = date(2024, 11, 1), date(2026, 10, 31)
_CLOSED = {(1, 1), (5, 1), (5, 8), (7, 14), (11, 11), (12, 25)}
_DECIMALS = {"CHF": 2, "DKK": 2, "EUR": 2, "GBP": 2, "JPY": 0}
_SUNDAY = 6
_HEADER = (
    "date,time,receipt,brand,domain,channel,city,country,article,category,"
    "quantity,unit_price,currency,total,payment,loyalty_id,returns\n"
)


class Shop(NamedTuple):
    """An invented brand. Without a city it sells online only; ``online`` is the online share, in percent."""

    brand: str
    domain: str
    city: str = ""
    country: str = "FR"
    currency: str = "EUR"
    loyalty: str = ""
    online: int = 0


class Article(NamedTuple):
    """An article; ``price`` is in the currency's smallest unit."""

    name: str
    category: str
    price: int


class Habit(NamedTuple):
    """A visit for each entry of ``months``, on day ``until`` of the month at the latest."""

    shop: Shop
    months: tuple[int, ...]
    goods: tuple[Article, ...]
    percent: int = 100
    lines: int = 1
    until: int = 28


class Trip(NamedTuple):
    """Days away, first and last included. ``city`` selects the purchases there; ``fare`` is booked weeks before."""

    city: str
    first: date
    last: date
    fare: Article


class Line(NamedTuple):
    """``minute`` counts from midnight; ``undoes`` is the receipt that a return takes back."""

    day: date
    minute: int
    shop: Shop
    channel: str
    article: Article
    quantity: int
    payment: str
    undoes: str = ""


_SEASONS = ("winter",) * 2 + ("spring",) * 3 + ("summer",) * 3 + ("autumn",) * 3 + ("winter",)
_RETURNING = {"clothes", "shoes", "electronics", "perfume gift"}


class Catalogue:
    """The contents of purchases.toml, as values."""

    def __init__(self, text: str) -> None:
        read = tomllib.loads(text)
        self.shops = {key: Shop(**fields) for key, fields in read["shops"].items()}
        self.goods = {key: _articles(**fields) for key, fields in read["goods"].items()}
        self.habits = [self._habit(**fields) for fields in read["habits"]]
        self.trips = [self._trip(city, **fields) for city, fields in read["trips"].items()]
        self.abroad: list[list[Any]] = read["abroad"]
        self.baskets: dict[str, list[str]] = read["baskets"]

    def _habit(self, shop: str, months: list[int], goods: str, **limits: int) -> Habit:
        return Habit(self.shops[shop], tuple(months), self.goods[goods], **limits)

    def _trip(self, city: str, first: date, last: date, fare: str, price: int) -> Trip:
        return Trip(city, first, last, Article(fare, "travel", price))

    def open(self, day: date) -> bool:
        """Return whether the shops at home are open and the person is at home."""
        away = any(trip.first <= day <= trip.last for trip in self.trips)
        return not away and day.weekday() != _SUNDAY and (day.month, day.day) not in _CLOSED


def _articles(category: str, prices: dict[str, int]) -> tuple[Article, ...]:
    return tuple(Article(name, category, price) for name, price in prices.items())


def _draw(limit: int, *about: object) -> int:
    """Return 0 to ``limit`` - 1, the same for one subject on every Python, which ``random`` does not promise."""
    seed = hashlib.sha256("/".join(("purchases", *map(str, about))).encode()).digest()
    return int.from_bytes(seed) % limit


def _visit(day: date, shop: Shop, articles: tuple[tuple[Article, int], ...], *about: object) -> Iterator[Line]:
    """Yield one receipt at home, from the shop or its site."""
    online = _draw(100, "online", *about) < shop.online
    if online:
        minute = 19 * 60 + _draw(230, "minute", *about)
        payment = ("card", "card", "wallet", "invoice")[_draw(4, "payment", *about)]
    else:
        minute = 10 * 60 + _draw(510, "minute", *about)
        payment = _at_the_till(articles, *about)
    for article, quantity in articles:
        yield Line(day, minute, shop, "online" if online else "store", article, quantity, payment)


def _at_the_till(articles: tuple[tuple[Article, int], ...], *about: object) -> str:
    if sum(article.price * quantity for article, quantity in articles) < 2000:
        return "cash"
    if "perfume" in articles[0][0].category and _draw(4, "gift card", *about) == 0:
        return "gift card"
    return ("contactless", "contactless", "card")[_draw(3, "till", *about)]


def _groceries(catalogue: Catalogue) -> Iterator[Line]:
    for week in itertools.count():
        day = _grocery_day(catalogue, week)
        if day is None:
            continue
        if day > _LAST:
            return
        basket = catalogue.baskets[_SEASONS[day.month - 1]]
        name = f"weekly basket: {basket[_draw(len(basket), 'basket', week)]}"
        price = 3890 + _draw(4200, "price", week) + (1900 if day.month == 12 else 0)
        yield from _visit(day, catalogue.shops["grocer"], ((Article(name, "groceries", price), 1),), "groceries", week)


def _grocery_day(catalogue: Catalogue, week: int) -> date | None:
    """Yield purchases mostly on Saturday, else on the nearest day of that week when the person is at home."""
    friday = _FIRST + timedelta(weeks=week)
    usual = friday + timedelta(days=(1, 1, 1, 0)[_draw(4, "day", week)])
    days = (usual, *(friday + timedelta(days=shift) for shift in (0, 1, 3, 4, 5)))
    return next((day for day in days if catalogue.open(day)), None)


def _months() -> Iterator[date]:
    month = _FIRST
    while month <= _LAST:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _habits(catalogue: Catalogue) -> Iterator[Line]:
    for month, (number, habit) in itertools.product(_months(), enumerate(catalogue.habits)):
        for turn in range(habit.months.count(month.month)):
            about = (number, month, turn)
            days = (month.replace(day=1 + _draw(habit.until, "day", n, *about)) for n in itertools.count())
            day = next(day for day in days if catalogue.open(day))
            picked = tuple(_priced(article, habit, month) for article in _pick(habit, *about))
            yield from _visit(day, habit.shop, picked, *about)


def _pick(habit: Habit, number: int, month: date, turn: int) -> list[Article]:
    """Take one article after the other from a drawn start, so that no receipt and no year repeats one."""
    start = _draw(9, "article", number, month.year)
    start += (habit.months.index(month.month) + turn) * habit.lines
    return [habit.goods[(start + line) % len(habit.goods)] for line in range(habit.lines)]


def _priced(article: Article, habit: Habit, month: date) -> tuple[Article, int]:
    """Apply sale prices, and 3 % more in the second year, to the next ten cents; sometimes buy two cheap ones."""
    rise = 103 if month >= _FIRST + timedelta(days=365) else 100
    price = -(-article.price * habit.percent * rise // 100_000) * 10
    several = article.price < 3000 and _draw(4, "quantity", article.name, month) == 0
    return article._replace(price=price), 2 if several else 1


def _trips(catalogue: Catalogue) -> Iterator[Line]:
    for trip in catalogue.trips:
        booked = trip.first - timedelta(days=38 + _draw(20, "booking", trip.city))
        yield from _visit(booked, catalogue.shops["flights"], ((trip.fare, 1),), "fare", trip.city)
        yield from (_bought_abroad(catalogue, trip, row) for row in catalogue.abroad if row[0] == trip.city)


def _bought_abroad(catalogue: Catalogue, trip: Trip, row: list[Any]) -> Line:
    city, country, currency, brand, domain, name, category, price, quantity = row
    loyalty = next((shop.loyalty for shop in catalogue.shops.values() if shop.brand == brand), "")
    day = trip.first + timedelta(days=_draw((trip.last - trip.first).days + 1, "abroad", brand))
    minute = 11 * 60 + _draw(400, "minute abroad", brand)
    shop = Shop(brand, domain, city, country, currency, loyalty)
    payment = "cash" if category == "food" else "card"
    return Line(day, minute, shop, "store", Article(name, category, price), quantity, payment)


def _returns(catalogue: Catalogue, bought: list[Line]) -> Iterator[Line]:
    """Return one in six of the clothes, devices and gifts, to the same shop and by the same payment."""
    for number, line in enumerate(bought):
        if line.shop.country != "FR" or line.article.category not in _RETURNING or _draw(6, "return", number):
            continue
        days = (line.day + timedelta(days=wait) for wait in itertools.count(5 + _draw(12, "wait", number)))
        day = next(day for day in days if catalogue.open(day))
        minute = 10 * 60 + _draw(500, "minute back", number)
        yield line._replace(day=day, minute=minute, quantity=-1, undoes=_receipt(line))


def _receipt(line: Line) -> str:
    return f"{line.shop.domain[:3].upper()}-{line.day:%y%m%d}-{line.minute:04d}"


def _amount(units: int, currency: str) -> str:
    """Return an amount of smallest units as an exact decimal number."""
    decimals = _DECIMALS[currency]
    digits = f"{abs(units):0{decimals + 1}d}"
    whole = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{whole}" if units < 0 else whole


def _row(line: Line) -> tuple[str | int, ...]:
    shop, article, currency = line.shop, line.article, line.shop.currency
    city = shop.city if line.channel == "store" else ""
    what = (article.name, article.category, line.quantity, _amount(article.price, currency), currency)
    total = _amount(article.price * line.quantity, currency)
    when = (line.day.isoformat(), f"{line.minute // 60:02d}:{line.minute % 60:02d}", _receipt(line))
    where = (shop.brand, shop.domain, line.channel, city, shop.country)
    return (*when, *where, *what, total, line.payment, shop.loyalty, line.undoes)


def render() -> str:
    """Return the whole file: UTF-8 text, comma-separated, LF at the end of each line, in order of time."""
    catalogue = Catalogue(_CATALOGUE.read_text(encoding="utf-8"))
    bought = [*_groceries(catalogue), *_habits(catalogue), *_trips(catalogue)]
    lines = sorted([*bought, *_returns(catalogue, bought)], key=lambda line: (line.day, line.minute))
    text = io.StringIO()
    text.write(_HEADER)
    csv.writer(text, lineterminator="\n").writerows(_row(line) for line in lines if line.day <= _LAST)
    return text.getvalue()


if __name__ == "__main__":
    _OUTPUT.write_text(render(), encoding="utf-8", newline="\n")
