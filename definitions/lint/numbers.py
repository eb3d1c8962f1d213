"""Numbers as people write them: ``12,500``, ``$485K``, ``5.2%``, ``4.5/5``, ``3:1``, ``4h``, ``14 days``, ``<5%``.

Source: definition lint, 'Statement grammar to parse'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_MAGNITUDES = {
    "k": Decimal(1_000),
    "thousand": Decimal(1_000),
    "m": Decimal(1_000_000),
    "mn": Decimal(1_000_000),
    "mm": Decimal(1_000_000),
    "million": Decimal(1_000_000),
    "b": Decimal(1_000_000_000),
    "bn": Decimal(1_000_000_000),
    "billion": Decimal(1_000_000_000),
}
_UNITS = {
    "percentage points": "points",
    "percentage point": "points",
    "points": "points",
    "point": "points",
    "pts": "points",
    "pp": "points",
    "percent": "percent",
    "%": "percent",
    "seconds": "second",
    "second": "second",
    "secs": "second",
    "sec": "second",
    "s": "second",
    "minutes": "minute",
    "minute": "minute",
    "mins": "minute",
    "min": "minute",
    "m": "minute",
    "hours": "hour",
    "hour": "hour",
    "hrs": "hour",
    "hr": "hour",
    "h": "hour",
    "days": "day",
    "day": "day",
    "d": "day",
    "weeks": "week",
    "week": "week",
    "w": "week",
    "months": "month",
    "month": "month",
    "quarters": "quarter",
    "quarter": "quarter",
    "years": "year",
    "year": "year",
}
SECONDS: dict[str, Decimal] = {
    "second": Decimal(1),
    "minute": Decimal(60),
    "hour": Decimal(3_600),
    "day": Decimal(86_400),
    "week": Decimal(604_800),
}
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_COMPARISONS = {"<": "lt", "<=": "lte", "≤": "lte", ">": "gt", ">=": "gte", "≥": "gte"}

_WORDS = "|".join(sorted((re.escape(unit) for unit in _UNITS), key=len, reverse=True))
AMOUNT = re.compile(
    r"(?P<comparison><=|>=|<|>|≤|≥)?\s*"
    r"(?P<sign>[-−+])?"
    r"(?P<currency>[$€£¥]|(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|INR)\s?)?\s?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:(?P<over>\s?/\s?\d+(?:\.\d+)?|\s?:\s?1)(?![\w/])"
    r"|(?P<magnitude>[KMB](?:n|m)?|k|bn|mn|\s(?:thousand|million|billion))?"
    rf"(?:\s?(?P<unit>(?:{_WORDS}))(?![\w]))?)"
    r"(?P<code>\s(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|INR)\b)?"
    r"(?![\w])"
)
"""One amount inside a text; `parse_amount` reads its parts."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with what was written around it.

    ``value`` is as written with magnitudes resolved: ``$485K`` is 485000 of unit ``USD``, ``5.2%`` is 5.2 of
    unit ``percent``, ``4h`` is 4 of unit ``hour``. ``out_of`` is the scale of ``4.5/5`` (5) and of ``3:1`` (1).
    ``step`` is what the last written digit stands for. ``comparison``: lt, lte, gt, gte or None.
    """

    value: Decimal
    unit: str | None = None
    out_of: Decimal | None = None
    comparison: str | None = None
    step: Decimal = Decimal(1)
    text: str = ""

    def in_unit(self, family: str, unit: str) -> Decimal | None:
        """The value in a metric's own unit; None where the two units have nothing to do with each other.

        ``family``: currency, ratio, count, duration_seconds, score. A ratio is a fraction: 5.2 % is 0.052.
        """
        factor = self._factor(family, unit)
        return None if factor is None else self.value * factor

    def tolerance(self, family: str, unit: str) -> Decimal:
        """Half of what the last written digit stands for, in the metric's unit."""
        return self.step * (self._factor(family, unit) or Decimal(1)) / 2

    def _factor(self, family: str, unit: str) -> Decimal | None:
        if family == "ratio":
            if self.unit in ("percent", "points"):
                return Decimal(1) / 100
            return Decimal(1) if self.unit is None else None
        if family == "duration_seconds":
            return SECONDS.get(self.unit) if self.unit else Decimal(1)
        wanted = _UNITS.get(unit.lower())
        if wanted in SECONDS and self.unit in SECONDS:
            return SECONDS[self.unit] / SECONDS[wanted]
        if family == "currency":
            return Decimal(1) if self.unit in (None, unit) else None
        if family == "score":
            return Decimal(1) if self.unit in (None, "points") else None
        return Decimal(1) if self.unit in (None, wanted) else None


def parse_amount(text: str) -> Amount | None:
    """The amount that ``text`` is; None where it is anything else.

    >>> parse_amount("$485K").value
    Decimal('485000')
    """
    match = AMOUNT.fullmatch(text.strip())
    return None if match is None else amount_of(match)


def amount_of(match: re.Match[str]) -> Amount:
    """The amount of one match of `AMOUNT`."""
    digits = match["number"].replace(",", "")
    magnitude = _MAGNITUDES[match["magnitude"].strip().lower()] if match["magnitude"] else Decimal(1)
    sign = -1 if match["sign"] in ("-", "−") else 1
    exponent = Decimal(digits).as_tuple().exponent
    step = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    unit = _UNITS[match["unit"]] if match["unit"] else None
    currency = match["currency"] or match["code"]
    if currency:
        unit = _CURRENCIES.get(currency, currency.strip())
    over = match["over"]
    return Amount(
        value=sign * Decimal(digits) * magnitude,
        unit=unit,
        out_of=Decimal(over.strip(" /:")) if over else None,
        comparison=_COMPARISONS.get(match["comparison"] or ""),
        step=step * magnitude,
        text=match[0].strip(),
    )
