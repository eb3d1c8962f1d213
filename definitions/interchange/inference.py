"""What a foreign dictionary does not say: the type of a column from how it is used, and which drafts can be loaded.

Other formats leave types to the warehouse; ours checks expressions before anything runs. So a column is a number where
it is summed or compared with one, true or false where it stands alone as a condition, and text otherwise. A draft that
still does not load would keep the rest from loading: it is taken out and told, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions.errors import CatalogueError, Problem
from definitions.interchange.exchange import Document, Lost
from definitions.loading import load_texts
from definitions.writing import to_yaml

NUMBER, CONDITION, TEXT, TIME = "double?", "boolean?", "string?", "timestamp?"
_STRONGER = {TEXT: 0, CONDITION: 1, NUMBER: 2, TIME: 3}
_NUMERIC = ("sum", "average", "avg", "median", "percentile", "min", "max")
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Sum, exp.Avg, exp.Median, exp.Round)
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)


class Columns:
    """The columns of one source, as they come to be known."""

    def __init__(self) -> None:
        self.types: dict[str, str] = {}

    def say(self, name: str, kind: str) -> None:
        """A column that is used as this; the stronger of two uses holds."""
        known = self.types.get(name)
        if known is None or _STRONGER[kind] > _STRONGER.get(known, 9):
            self.types[name] = kind

    def used(self, text: str, aggregate: str = "") -> None:
        """Every column in an expression that is aggregated (or is a condition: `sum_boolean`)."""
        try:
            tree = sqlglot.parse_one(text, read="snowflake")
        except SqlglotError:
            return
        for column in tree.find_all(exp.Column):
            if not column.table:
                self.say(column.name, _kind_of(column, tree, aggregate))

    def documents(self) -> list[Document]:
        """As entries of `columns:`, in order of their first use."""
        return [{"name": name, "type": kind} for name, kind in self.types.items()]


def learn(source: Document, text: str | None, aggregate: str = "") -> None:
    """What an expression over a source says of its columns: added where they are new, put right where they are not."""
    if not text:
        return
    used = Columns()
    used.used(text, aggregate)
    named = {item["name"]: item.get("expr", item["name"]) for item in source.get("dimensions") or []}
    known = {column["name"]: column for column in source["columns"]}
    for name, kind in used.types.items():
        column = known.get(named.get(name, name))
        if column is None:
            if name not in named:
                source["columns"].append({"name": name, "type": kind})
        elif _STRONGER[kind] > _STRONGER.get(column["type"], 9):
            column["type"] = kind


def _kind_of(column: exp.Column, tree: exp.Expr, aggregate: str) -> str:
    node: exp.Expr = column
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Coalesce | exp.Nullif):
        node, parent = parent, parent.parent
    if isinstance(parent, exp.Cast):
        return TIME if parent.to.this.name in ("DATE", "TIMESTAMP", "TIMESTAMPNTZ", "DATETIME") else TEXT
    if isinstance(parent, exp.DateDiff):
        return TIME
    if isinstance(parent, _COMPARED):
        literals = list(parent.find_all(exp.Literal))
        if any(not literal.is_string for literal in literals):
            return NUMBER
        return CONDITION if list(parent.find_all(exp.Boolean)) else TEXT
    if isinstance(parent, _ARITHMETIC):
        return NUMBER
    if isinstance(parent, exp.And | exp.Or | exp.Not) or (isinstance(parent, exp.If) and parent.this is node):
        return CONDITION
    if aggregate == "sum_boolean" and node is tree:
        return CONDITION
    # The value itself, or one way of a CASE.
    return NUMBER if aggregate in _NUMERIC and not isinstance(parent, exp.Is) else TEXT


def loadable(
    sources: list[Document], metrics: list[Document], lost: list[Lost]
) -> tuple[list[Document], list[Document]]:
    """The drafts that load together; the others go to ``lost``, each with the first thing that is wrong with it."""
    while True:
        texts = {
            "sources/imported.yml": to_yaml({"sources": sources}),
            "metrics/imported.yml": to_yaml({"metrics": metrics}),
        }
        try:
            load_texts(texts)
        except CatalogueError as error:
            if _without_joins(error.problems, sources, lost):
                continue
            bad = {
                kind: dict(_at_fault(error.problems, kind, texts[f"{kind}/imported.yml"]))
                for kind in ("sources", "metrics")
            }
            # What rests on a source that does not load is told with the source first.
            kind, entries = ("sources", sources) if bad["sources"] else ("metrics", metrics)
            if not bad[kind]:
                raise
            lost += [
                Lost(str(entries[index]["name"]), kind.removesuffix("s"), reason)
                for index, reason in sorted(bad[kind].items())
            ]
            kept = [entry for index, entry in enumerate(entries) if index not in bad[kind]]
            sources, metrics = (kept, metrics) if kind == "sources" else (sources, kept)
        else:
            return sources, metrics


def _without_joins(problems: Iterable[Problem], sources: list[Document], lost: list[Lost]) -> bool:
    """Whether a join was what is wrong: it is taken out of its source, and told."""
    found = False
    for source in sources:
        for join in list(source.get("joins") or []):
            path = (source["name"], "joins", join.get("name", join["to"]))
            reason = next((problem.message for problem in problems if problem.path[:3] == path), None)
            if reason is not None:
                source["joins"].remove(join)
                lost.append(Lost(source["name"], f"join {path[2]}", reason))
                found = True
    return found


def _at_fault(problems: Iterable[Problem], kind: str, text: str) -> Iterator[tuple[int, str]]:
    """(index of the entry, reason) of each problem in the file of a kind."""
    starts = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("- ")]
    seen: set[int] = set()
    for problem in problems:
        if problem.location.file != f"{kind}/imported.yml":
            continue
        index = sum(start <= problem.location.line for start in starts) - 1
        if index >= 0 and index not in seen:
            seen.add(index)
            yield index, problem.message
