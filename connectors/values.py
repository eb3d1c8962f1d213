"""What a value means under its column: the reference that the fast SQL of `typed_sql.py` has to agree with.

A value is read on purpose or refused with a reason; it never becomes null in silence. An empty text in a column
that holds no texts is no value. Numbers may come as texts, and whole numbers as floats.

Source: connector rules, point 6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.contract import Column, ColumnType, Format, PathSegments
from connectors.stream import EPOCH

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
SMALLEST, LARGEST = -(2**63), 2**63 - 1
TRUE, FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")


class Refused(ValueError):
    """A value that its column cannot hold; the text says why."""


def typed_value(column: Column, record: object) -> Any:
    """The value of a column in a record.

    Raises:
        Refused: the record breaks the contract here.
    """
    value = read(column, step_into(record, column.segments))
    if value is None and not column.nullable:
        raise Refused("has no value")
    return value


def step_into(record: object, segments: PathSegments) -> Any:
    """The value at a path.

    Raises:
        Refused: something other than a container is in the way.
    """
    value = record
    for segment in segments:
        if value is None:
            return None
        if isinstance(segment, str):
            if not isinstance(value, dict):
                raise Refused(f"lies inside {_shown(value)}, which is no object")
            value = value.get(segment)
        else:
            if not isinstance(value, list):
                raise Refused(f"lies inside {_shown(value)}, which is no list")
            value = value[segment] if -len(value) <= segment < len(value) else None
    return value


def read(column: Column, value: Any) -> Any:
    """`value` as the column's type; None for no value.

    Raises:
        Refused: the column cannot hold it.
    """
    if value is None or (value == "" and column.type is not ColumnType.STRING):
        return None
    if column.nulls and not isinstance(value, dict | list) and str(value) in column.nulls:
        return None
    return READERS[column.type](column, value)


def _string(column: Column, value: Any) -> str:
    if isinstance(value, dict | list):
        raise Refused(f"{_shown(value)} is no text")
    if isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = repr(value) if isinstance(value, float) else str(value)
    if column.allowed and text not in column.allowed:
        raise Refused(f"{_shown(value)} is not one of {', '.join(column.allowed)}")
    return text


def _integer(column: Column, value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise Refused(f"{_shown(value)} is no whole number")
    if not SMALLEST <= number <= LARGEST:
        raise Refused(f"{_shown(value)} is too large")
    return int(number)


def _decimal(column: Column, value: Any) -> Decimal:
    number = _number(value)
    step = Decimal(1).scaleb(-column.scale)
    if number.adjusted() + column.scale >= column.precision:
        raise Refused(f"{_shown(value)} is too large")
    rounded = number.quantize(step, rounding=ROUND_HALF_UP)
    if len(rounded.as_tuple().digits) > column.precision:
        raise Refused(f"{_shown(value)} is too large")
    return abs(rounded) if rounded.is_zero() else rounded


def _double(column: Column, value: Any) -> float:
    number = float(_number(value))
    if not math.isfinite(number):
        raise Refused(f"{_shown(value)} is too large")
    return number


def _boolean(column: Column, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value)
    if isinstance(value, int | str) and text in TRUE:
        return True
    if isinstance(value, int | str) and text in FALSE:
        return False
    raise Refused(f"{_shown(value)} is neither true nor false")


def _timestamp(column: Column, value: Any) -> datetime:
    """A naive instant in UTC."""
    if column.format in (Format.EPOCH_SECONDS, Format.EPOCH_MILLIS):
        return _epoch(column, value)
    if not isinstance(value, str):
        raise Refused(f"{_shown(value)} is no instant")
    try:
        instant = (
            datetime.fromisoformat(value) if column.format == Format.ISO else _strptime(value, column.format)
        )
        if instant.tzinfo is None:
            if not column.zone:
                raise Refused(f"{_shown(value)} has no offset, and the column no zone")
            instant = instant.replace(tzinfo=ZoneInfo(column.zone))
        return instant.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"{_shown(value)} is no instant{_wanted(column)}") from None


def _date(column: Column, value: Any) -> date:
    if column.format in (Format.EPOCH_SECONDS, Format.EPOCH_MILLIS):
        return _epoch(column, value).date()
    if not isinstance(value, str):
        raise Refused(f"{_shown(value)} is no date")
    try:
        if column.format != Format.ISO:
            return _strptime(value, column.format).date()
        if len(value) != 10:
            raise Refused(f"{_shown(value)} is no date{_wanted(column)}")
        return date.fromisoformat(value)
    except ValueError:
        raise Refused(f"{_shown(value)} is no date{_wanted(column)}") from None


def _json(column: Column, value: Any) -> str:
    return orjson.dumps(value).decode()


def _epoch(column: Column, value: Any) -> datetime:
    number = _number(value)
    micros = number * (1_000_000 if column.format == Format.EPOCH_SECONDS else 1_000)
    try:
        return (EPOCH + timedelta(microseconds=int(micros))).replace(tzinfo=None)
    except OverflowError:
        raise Refused(f"{_shown(value)} is no instant{_wanted(column)}") from None


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refused(f"{_shown(value)} is no number")
    text = repr(value) if isinstance(value, float) else str(value)
    if not NUMBER.match(text):
        raise Refused(f"{_shown(value)} is no number")
    return Decimal(text)


def _strptime(value: str, pattern: str) -> datetime:
    return datetime.strptime(value, pattern)  # noqa: DTZ007  (the zone is the caller's)


def _wanted(column: Column) -> str:
    return "" if column.format == Format.ISO else f" written as {column.format}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return repr(text[:60] + "…" if len(text) > 60 else text)


READERS: dict[ColumnType, Callable[[Column, Any], Any]] = {
    ColumnType.STRING: _string,
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: _decimal,
    ColumnType.DOUBLE: _double,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.DATE: _date,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.JSON: _json,
}
