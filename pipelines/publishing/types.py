"""Column types that mean the same on SQLite and PostgreSQL.

| type | PostgreSQL | SQLite | Python |
|---|---|---|---|
| Quantity | numeric | REAL holding the double nearest to the six-place decimal | Decimal, six places |
| UtcTimestamp | timestamptz | text `YYYY-MM-DD HH:MM:SS.ffffff`, UTC | aware datetime, UTC |
| TextList | text, joined by `, ` | the same | tuple of str |
| JsonText | text | text | any JSON value |

Why REAL on SQLite is exact here, and why it is not TEXT or a scaled integer:
`docs/decisions/exact-numbers.md`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Numeric, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import REAL, TypeDecorator, TypeEngine

from pipelines.publishing.numbers import quantised

SurrogateKey = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key that the database counts up; on SQLite the row id itself."""

LIST_SEPARATOR = ", "


class Quantity(TypeDecorator[Decimal]):
    """A number quantised to six places half-even, exact on both engines; NaN and infinity are refused."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """numeric without a limit on PostgreSQL, REAL on SQLite."""
        return dialect.type_descriptor(
            REAL() if dialect.name == "sqlite" else postgresql.NUMERIC(asdecimal=True)
        )

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Quantise on the way in; what is no finite number raises ValueError."""
        if value is None:
            return None
        number = quantised(value)
        if number is None:
            raise ValueError(f"{value!r} is no finite number; an unknown value is NULL with a reason")
        return float(number) if dialect.name == "sqlite" else number

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """A six-place Decimal on either engine."""
        return quantised(value)


class UtcTimestamp(TypeDecorator[datetime]):
    """An instant. Naive datetimes are refused: nobody can tell which instant they mean."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """timestamptz on PostgreSQL, ISO text on SQLite."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sqlite.DATETIME())  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC on the way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware UTC instant")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class TextList(TypeDecorator[tuple[str, ...]]):
    """A short list of names, readable as it stands in any BI tool: `csat, nps`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Join; an entry that holds the separator is refused rather than split in two when read."""
        if value is None:
            return None
        for entry in value:
            if LIST_SEPARATOR in entry:
                raise ValueError(f"{entry!r} holds {LIST_SEPARATOR!r} and cannot stand in a list of names")
        return LIST_SEPARATOR.join(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """Split again; the empty text is the empty list."""
        if value is None:
            return None
        return tuple(value.split(LIST_SEPARATOR)) if value else ()


class JsonText(TypeDecorator[Any]):
    """A JSON value as text with sorted keys: the same bytes for the same value on either engine."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Serialise; NaN is refused."""
        if value is None:
            return None
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Parse."""
        return None if value is None else json.loads(value)
