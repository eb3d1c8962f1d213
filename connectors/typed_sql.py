"""The SQL that reads the lines of a load straight into typed columns, made from the contract.

Every leaf comes out of the line as text, is cast by a rule that accepts nothing but what it surely understands,
and clears the row's `ok` flag otherwise. Rows that are not ok are read again by the rules of `values.py`, which
give the value or the reason. So this file need not be complete; it only must not disagree.

Source: connector rules, point 6; measured in benchmarks/connectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.contract import Column, ColumnType, Contract, Format, PathSegments, parse_path
from connectors.known_keys import quoted
from connectors.raw_store import LARGEST_LINE
from connectors.values import FALSE, TRUE

NUMBER = r"-?[0-9]{1,30}(\.[0-9]{1,30})?"
LINE = {
    "key": "VARCHAR",
    "parent": "VARCHAR",
    "cursor": "VARCHAR",
    "sequence": "BIGINT",
    "fetched_at": "VARCHAR",
    "deleted": "BOOLEAN",
    "refused": "VARCHAR",
}
"""The fields of a line beside its data; `load_id` comes from the folder's name."""

USUAL_ENDS = (".___+0000", ".___Z", "Z")
"""How the vendors end an instant; the first is looked for first."""

EPOCHS: dict[str, tuple[int, int]] = {
    Format.EPOCH_SECONDS: (253_402_300_799, 1_000_000),
    Format.EPOCH_MILLIS: (253_402_300_799_999, 1_000),
}
"""How far a count since 1970 may go (the year 9999), and how many microseconds its unit has."""


@dataclass
class _Node:
    """A struct to be read; one without fields is a leaf."""

    fields: dict[str, _Node] = field(default_factory=dict)
    as_json: bool = False

    def sql(self) -> str:
        if self.as_json:
            return "JSON"
        if not self.fields:
            return "VARCHAR"
        inner = ", ".join(f"{name_sql(name)} {node.sql()}" for name, node in self.fields.items())
        return f"STRUCT({inner})"


def fast_sql(
    contract: Contract, files: Sequence[str], unknown: Sequence[str], account: str = ""
) -> str | None:
    """SQL over part files that gives the typed columns, the line's own columns (`_account` … `_extra`) and `ok`.

    Columns go by position: a contract may name one as the line names its own.

    None where the contract cannot be read this way: names that differ only in case, or stamps in a local zone.
    """
    columns = contract.typed_columns
    if any(column.zone not in ("", "UTC") for column in columns):
        return None
    extra = [path for path in unknown if path not in {column.path for column in columns}]
    tree = _Node()
    for column in columns:
        _add(tree, column.segments, as_json=column.type is ColumnType.JSON)
    for path in extra:
        _add(tree, parse_path(path), as_json=True)
    if _ambiguous(tree):
        return None
    leaves = ", ".join(f"{_value(tree, c)} AS r{i}" for i, c in enumerate(columns))
    extras = ", ".join(f"{quoted(path)}, {_leaf(tree, parse_path(path), ColumnType.JSON)}" for path in extra)
    extra_sql = f"nullif(json_merge_patch('{{}}', json_object({extras})), '{{}}')" if extra else "NULL"
    types = {**LINE, "data": tree.sql()}
    declared = ", ".join(f"{name}: {quoted(kind)}" for name, kind in types.items())
    names = ", ".join(quoted(file) for file in files)
    typed = ", ".join(f"{_cast(c, f'r{i}')} AS v{i}" for i, c in enumerate(columns))
    checks = " AND ".join([*_checks(columns), *(f"k{i}" for i, _ in _containers(tree, columns))]) or "true"
    containers = "".join(f", {sql} AS k{i}" for i, sql in _containers(tree, columns))
    values = "".join(f"v{i}, " for i in range(len(columns)))
    line = ", ".join([*LINE, "load_id"])
    # The line's own stamps are always UTC.
    own = f"{quoted(account)}, key, parent, cursor, sequence, deleted, CAST(fetched_at AS TIMESTAMP), load_id, extra"
    return (
        f"SELECT {values}{own}, coalesce(({checks}), false) AND refused IS NULL FROM ("
        f"SELECT *, {typed} FROM ("
        f"SELECT {line}, {leaves}{containers}, CAST({extra_sql} AS VARCHAR) AS extra FROM read_json([{names}],"
        f" format = 'newline_delimited', compression = 'zstd', maximum_object_size = {LARGEST_LINE},"
        f" columns = {{{declared}}}, hive_partitioning = true, hive_types = {{'load_id': 'VARCHAR'}})))"
    )


def name_sql(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def _add(tree: _Node, segments: PathSegments, *, as_json: bool) -> None:
    node = tree
    for segment in segments:
        if node.as_json or isinstance(segment, int):
            node.as_json = True
            return
        node = node.fields.setdefault(segment, _Node())
    node.as_json = node.as_json or as_json


def _ambiguous(node: _Node) -> bool:
    """Are there names that the engine would take for the same, or a leaf that is a container as well?"""
    lowered = {name.lower() for name in node.fields}
    return len(lowered) < len(node.fields) or any(_ambiguous(child) for child in node.fields.values())


def _value(tree: _Node, column: Column) -> str:
    """The expression of a column's value as it came; null where the vendor's word for that stands."""
    leaf = _leaf(tree, column.segments, column.type)
    if not column.nulls or column.type is ColumnType.JSON:
        return leaf
    return f"CASE WHEN {leaf} IN ({_list(column.nulls)}) THEN NULL ELSE {leaf} END"


def _leaf(tree: _Node, segments: PathSegments, kind: ColumnType) -> str:
    """The expression of the value at a path: a struct field as far as there are structs, JSON below."""
    sql, node = "data", tree
    for position, segment in enumerate(segments):
        if node.as_json:
            function = "json_extract" if kind is ColumnType.JSON else "json_extract_string"
            return f"{function}({sql}, {quoted(_json_path(segments[position:]))})"
        node = node.fields[str(segment)]
        sql += f".{name_sql(str(segment))}"
    if node.as_json and kind is not ColumnType.JSON:
        return f"json_extract_string({sql}, '$')"
    return sql


def _containers(tree: _Node, columns: Sequence[Column]) -> list[tuple[int, str]]:
    """Per column that reaches into JSON: is every step on the way there an object or a list, as it should be?"""
    found = []
    for i, column in enumerate(columns):
        sql, node, inside = "data", tree, 0
        for inside, segment in enumerate(column.segments):  # noqa: B007
            if node.as_json:
                break
            node = node.fields[str(segment)]
            sql += f".{name_sql(str(segment))}"
        else:
            continue
        tests = []
        for position in range(inside, len(column.segments)):
            path = quoted(_json_path(column.segments[inside:position]))
            kind = "ARRAY" if isinstance(column.segments[position], int) else "OBJECT"
            tests.append(f"coalesce(json_type({sql}, {path}) IN ('{kind}', 'NULL'), true)")
        found.append((i, f"({' AND '.join(tests)})"))
    return found


def _json_path(segments: PathSegments) -> str:
    path = "$"
    for segment in segments:
        if isinstance(segment, int):
            path += f"[#{segment}]" if segment < 0 else f"[{segment}]"
        else:
            path += f'."{segment}"'
    return path


def _cast(column: Column, raw: str) -> str:
    text = raw if column.type is ColumnType.STRING else f"nullif({raw}, '')"
    match column.type:
        case ColumnType.STRING:
            return raw
        case ColumnType.INTEGER:
            return f"TRY_CAST({text} AS BIGINT)"
        case ColumnType.DECIMAL:
            return f"TRY_CAST({text} AS DECIMAL({column.precision}, {column.scale}))"
        case ColumnType.DOUBLE:
            return f"TRY_CAST({text} AS DOUBLE)"
        case ColumnType.BOOLEAN:
            return (
                f"CASE WHEN {raw} IN ({_list(TRUE)}) THEN true WHEN {raw} IN ({_list(FALSE)}) THEN false END"
            )
        case ColumnType.JSON:
            return f"nullif(CAST({raw} AS VARCHAR), 'null')"
        case ColumnType.DATE:
            return (
                f"CAST({_instant(column, text)} AS DATE)"
                if column.format != Format.ISO
                else (f"TRY_CAST({text} AS DATE)")
            )
        case ColumnType.TIMESTAMP:
            return _instant(column, text)


def _instant(column: Column, text: str) -> str:
    match column.format:
        case Format.ISO:
            # Microseconds of an instant are its microseconds in UTC; a cast would ask the calendar.
            return f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
        case Format.EPOCH_SECONDS | Format.EPOCH_MILLIS:
            most, unit = EPOCHS[column.format]
            number = f"TRY_CAST({text} AS BIGINT)"
            return f"CASE WHEN {number} BETWEEN 0 AND {most} THEN make_timestamp({number} * {unit}) END"
        case pattern:
            return f"TRY_STRPTIME({text}, {quoted(pattern)})"


def _checks(columns: Sequence[Column]) -> list[str]:
    checks = []
    for i, column in enumerate(columns):
        raw, value = f"r{i}", f"v{i}"
        sure = _sure(column, raw, value)
        if sure:
            empty = "" if column.type is ColumnType.STRING else f" OR {raw} = ''"
            checks.append(f"({raw} IS NULL{empty} OR coalesce({sure}, false))")
        if not column.nullable:
            checks.append(f"(deleted OR {value} IS NOT NULL)")
    return checks


def _sure(column: Column, raw: str, value: str) -> str:
    """A condition under which the cast is what `values.py` would say; empty: always."""
    match column.type:
        case ColumnType.STRING:
            if column.allowed:
                return f"{raw} IN ({_list(column.allowed)})"
            # A text that begins with a brace or a bracket may be a container; order tells in the least time.
            return (
                f"CASE WHEN {raw} < '[' THEN true WHEN {raw} < '{{' THEN {raw} >= '\\' ELSE {raw} >= '|' END"
            )
        case ColumnType.INTEGER:
            return f"CAST({value} AS VARCHAR) = {raw}"
        case ColumnType.DECIMAL | ColumnType.DOUBLE:
            finite = f" AND isfinite({value})" if column.type is ColumnType.DOUBLE else ""
            return f"{value} IS NOT NULL AND regexp_full_match({raw}, {quoted(NUMBER)}){finite}"
        case ColumnType.BOOLEAN:
            return f"{value} IS NOT NULL"
        case ColumnType.JSON:
            return ""
        case ColumnType.DATE | ColumnType.TIMESTAMP:
            return _sure_instant(column, raw, value)


def _sure_instant(column: Column, raw: str, value: str) -> str:
    if column.format in EPOCHS:
        return f"{value} IS NOT NULL AND CAST(TRY_CAST({raw} AS BIGINT) AS VARCHAR) = {raw}"
    if column.format != Format.ISO:
        zoned = column.type is ColumnType.DATE or column.zone == "UTC" or "%z" in column.format
        return f"{value} IS NOT NULL" if zoned and "%z" not in column.format else "false"
    if column.type is ColumnType.DATE:
        return f"CAST({value} AS VARCHAR) = {raw}"
    signs = f"left(right({raw}, 5), 1) IN ('+', '-') OR left(right({raw}, 6), 1) IN ('+', '-')"
    offset = f"right({raw}, 1) = 'Z' OR {signs}"
    if column.zone == "UTC":
        # Without an offset the session's zone counts, which is UTC.
        offset = f"{offset} OR length({raw}) BETWEEN 19 AND 26"
    shape = f"length({raw}) BETWEEN 19 AND 32 AND substr({raw}, 11, 1) IN ('T', ' ')"
    usual = "".join(f" WHEN {raw} LIKE '____-__-__T__:__:__{end}' THEN true" for end in USUAL_ENDS)
    # Only CASE leaves out what need not be looked at; AND and OR of a projection evaluate all their parts.
    written_well = f"CASE{usual} ELSE ({shape}) AND ({offset}) END"
    return f"{value} IS NOT NULL AND {raw} >= '0' AND substr({raw}, 12, 2) < '24' AND {written_well}"


def _list(texts: Sequence[str]) -> str:
    return ", ".join(quoted(text) for text in texts)
