"""Contracts of the neutral tables: what a file or a query must hold to feed one, generated from the sources' YAML.

    table = contracts(catalogue)["billing.subscriptions"]
    table.header                 # subscription_id,account_id,start_date,…
    table.stream(path="billing/subscriptions.csv")    # the stream of a files source, as plain data

A stream named after a table feeds it, whatever kind of source it belongs to (`pipelines.staging.files`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.model import Catalogue, Column, ColumnType, Measure, Source
from definitions.references import operands
from pipelines.staging.build import neutral_tables
from pipelines.staging.models import DERIVED, load_models

_TYPES: Mapping[ColumnType, str] = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "whole number",
    ColumnType.DECIMAL: "decimal number, a dot before the fraction, no thousands separator",
    ColumnType.DOUBLE: "number",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.DATE: "date, 2026-06-01",
    ColumnType.TIMESTAMP: "instant, 2026-06-03T09:15:00Z; without an offset it is UTC",
}
_EXAMPLES: Mapping[ColumnType, str] = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "12",
    ColumnType.DECIMAL: "1250.00",
    ColumnType.DOUBLE: "7.5",
    ColumnType.BOOLEAN: "false",
    ColumnType.DATE: "2026-06-01",
    ColumnType.TIMESTAMP: "2026-06-03T09:15:00Z",
}
_BY_NAME: Mapping[str, str] = {
    "date": "2026-06-03",
    "answered_on": "2026-06-03",
    "delivered_on": "2026-09-12",
    "planned_end_on": "2026-09-15",
    "promised_on": "2026-06-05",
    "logged_on": "2026-06-03",
    "close_date": "2026-06-30",
    "end_date": "",
    "is_recurring": "true",
    "is_subscriber": "true",
    "is_completed": "true",
    "interval_months": "1",
    "plan": "team_monthly",
    "service": "checkout",
    "environment": "production",
    "status": "success",
    "survey": "employee_engagement",
    "event": "report_opened",
    "feature": "reports",
    "channel": "web",
    "section": "science",
    "practice": "strategy",
    "reason": "wrong size",
    "category": "marketing",
    "score": "9",
    "max_score": "10",
    "currency": "USD",
    "region": "emea",
    "industry": "retail",
    "team": "core",
    "source": "search",
}


@dataclass(frozen=True)
class Contract:
    """What one neutral table holds.

    Attributes:
        source: its declaration in the dictionary.
        words: words of a column that metrics look for, besides those that the declaration lists.
        metrics: the metrics that are computed from it, sorted.
    """

    source: Source
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Its name, `schema.name`."""
        return self.source.table

    @property
    def stream_name(self) -> str:
        """The stream that feeds it."""
        return self.table.replace(".", "_")

    @property
    def path(self) -> str:
        """Where `vitals init` looks for it, below the folder of files."""
        return f"{self.table.replace('.', '/')}.csv"

    @property
    def header(self) -> str:
        """The first line of a CSV file."""
        return _line(self.source.columns)

    @property
    def example(self) -> str:
        """A row that fits."""
        return _line(self.example_of(column) for column in self.source.columns.values())

    def example_of(self, column: Column) -> str:
        """A value that fits a column."""
        words = (*column.values, *self.words.get(column.name, ()))
        if words:
            return words[0]
        if column.type is ColumnType.STRING and column.name not in _BY_NAME:
            stem, _, tail = column.name.rpartition("_")
            return f"{stem[:1].upper()}-1001" if tail == "id" else f"{column.name}-1"
        return _BY_NAME.get(column.name, _EXAMPLES[column.type])

    def stream(self, path: str = "") -> dict[str, Any]:
        """The stream of a files source (with `path`) or of a SQL source (without), as plain data."""
        return {
            "name": self.stream_name,
            **({"path": path} if path else {"query": self.select}),
            "key": list(self.source.key),
            "columns": [
                {
                    "name": column.name,
                    "type": str(column.type),
                    **({} if column.nullable else {"nullable": False}),
                    **({"allowed": list(column.values)} if column.values else {}),
                }
                for column in self.source.columns.values()
            ],
        }

    @property
    def select(self) -> str:
        """A query for a SQL source; the table's own name stands for the company's."""
        return f"SELECT {', '.join(self.source.columns)} FROM {self.table.partition('.')[2]}"


def contracts(catalogue: Catalogue) -> dict[str, Contract]:
    """The tables that a company may feed by files or queries, by name; those that staging folds are left out."""
    folded = {model.table for model in load_models([]) if model.system == DERIVED}
    words, read = _words(catalogue)
    return {
        table: Contract(source, words.get(source.name, {}), tuple(sorted(read.get(source.name, ()))))
        for table, source in sorted(neutral_tables(catalogue).items())
        if table not in folded
    }


def folded_from() -> dict[str, tuple[str, ...]]:
    """The neutral tables that staging folds, with those that it folds them from."""
    return {model.table: model.inputs for model in load_models([]) if model.system == DERIVED}


def _words(catalogue: Catalogue) -> tuple[dict[str, dict[str, tuple[str, ...]]], dict[str, set[str]]]:
    """Words that filters compare columns of a source with, and the metrics that read it."""
    found: dict[str, dict[str, list[str]]] = {}
    read: dict[str, set[str]] = {}
    for metric in catalogue.metrics.values():
        for _, part in operands(metric):
            if not isinstance(part, Measure):
                continue
            source = _table_below(catalogue, part.source)
            read.setdefault(source, set()).add(metric.name)
            for text in (part.filter, part.expr):
                if text is not None:
                    for column, word in _compared(text.text):
                        listed = found.setdefault(source, {}).setdefault(column, [])
                        if word not in listed:
                            listed.append(word)
    words = {
        name: {
            column: tuple(listed)
            for column, listed in columns.items()
            if column in catalogue.sources[name].columns
            and not catalogue.sources[name].columns[column].values
        }
        for name, columns in found.items()
    }
    return words, read


def _table_below(catalogue: Catalogue, name: str) -> str:
    """The source with a table that a folded one reads."""
    source = catalogue.sources[name]
    fold = source.derived or source.movements
    return _table_below(catalogue, fold.source) if fold is not None else name


def _compared(text: str) -> Iterable[tuple[str, str]]:
    """(column, word) of the comparisons with a text in an expression."""
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except (
        SqlglotError
    ):  # a catalogue is checked when it is loaded; nothing to learn from what does not parse
        return
    for node in tree.find_all(exp.EQ, exp.In):
        column = node.this
        words = node.expressions if isinstance(node, exp.In) else [node.expression]
        if isinstance(column, exp.Column) and not column.table:
            yield from (
                (column.name, word.name) for word in words if isinstance(word, exp.Literal) and word.is_string
            )


def _line(cells: Iterable[str]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="").writerow(list(cells))
    return sink.getvalue()


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────

_HEAD = """# Contracts: tables that files and queries feed

*Generated from the sources of the dictionary: `vitals contracts --page docs/contracts.md`.*

Metrics are computed from neutral tables. What no connected system feeds can come from files (CSV, Parquet, Excel,
NDJSON) or from a query on a database. A source of kind `files` or `sql` whose stream is named after a table, with an
underscore in place of the dot, feeds that table; nothing else is needed. `vitals init` writes the stream and a template
for each table that files shall feed, `vitals contracts TABLE` prints both for one.

A row that breaks its contract (a missing key, a text where a number is expected) is set aside with file and line, and
the rest is taken. A file that changed is read again, whole. While a file holds its header only, metrics over it are
shown as `no source`, not as zero.

A query goes into a source of kind `sql`; the address of the database, with its password, is a reference:

```yaml
system: sql
account: billing
settings:
  kind: sql
  url: env:BILLING_DATABASE_URL
  streams:
    - name: finance_headcount
      query: SELECT month, count(*) AS count FROM staff GROUP BY month
      key: [month]
      deletes: {kind: snapshot}        # read whole each time; what is missing is gone
      columns:
        - {name: month, type: date, nullable: false}
        - {name: count, type: integer, nullable: false}
```

Types: """


def page(groups: Mapping[str, Mapping[str, Contract]]) -> str:
    """The contracts as a Markdown page, in groups by title."""
    told = "; ".join(f"`{kind}` is {text}" for kind, text in _TYPES.items())
    parts = [f"{_HEAD}{told}. A `?` after a type means that the cell may be empty.\n"]
    for title, tables in groups.items():
        parts.append(f"\n## {title}\n")
        parts += [_section(contract) for contract in tables.values()]
    return "".join(parts)


def _section(contract: Contract) -> str:
    source = contract.source
    rows = []
    for column in source.columns.values():
        notes = [text for text in (column.description, _listed(contract, column)) if text]
        kind = f"`{column.type}{'?' if column.nullable else ''}`"
        key = "key" if column.name in source.key else ""
        rows.append(f"| `{column.name}` | {kind} | {key} | {column.unit or ''} | {'; '.join(notes)} |")
    reading = (
        ", ".join(f"`{name}`" for name in contract.metrics) or "no shipped metric; it joins or is folded"
    )
    lines = [
        f"\n### {contract.table}\n",
        f"{source.description} Its key: {', '.join(f'`{name}`' for name in source.key)}."
        + (f" Rows may be revised for {source.settles_after}." if source.settles_after else ""),
        "",
        "| column | type | | unit | what it holds |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"Read by {reading}.",
        "",
        "```csv",
        contract.header,
        contract.example,
        "```",
        "",
        "```sql",
        f"-- stream {contract.stream_name}",
        contract.select,
        "```",
        "",
    ]
    return "\n".join(lines)


def _listed(contract: Contract, column: Column) -> str:
    if column.values:
        return f"one of {', '.join(f'`{word}`' for word in column.values)}"
    words = contract.words.get(column.name)
    return f"metrics look for {', '.join(f'`{word}`' for word in words)}" if words else ""
