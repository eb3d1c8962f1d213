"""Identities between metrics: two expressions over metrics that are equal in every period.

``previous(mrr)`` is the value of the period just before. An identity applies where all its metrics exist in the
dictionary. In ``identities.yml`` here, and in a catalogue's own ``quality/identities.yml``::

    identities:
      - id: mrr_movements
        left: mrr - previous(mrr)
        right: new_mrr + expansion_mrr + reactivation_mrr - contraction_mrr - churned_mrr
        grains: [month, quarter]
        tolerance: 0.005
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import sqlglot
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from .errors import SuiteError
from .results import Dimension, Severity
from .value_rules import SetRule

SHIPPED = Path(__file__).parent / "identities.yml"


class Identity(BaseModel):
    """One identity as written; ``tolerance`` is absolute, in the metrics' unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    left: str
    right: str
    grains: tuple[str, ...] = ("month",)
    tolerance: float = Field(0.005, ge=0)
    severity: Severity = Severity.ERROR

    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics on both sides, sorted."""
        trees = (_parsed(self.left), _parsed(self.right))
        return tuple(sorted({column.name for tree in trees for column in tree.find_all(exp.Column)}))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    identities: list[Identity]


def load_identities(files: Iterable[Path]) -> list[Identity]:
    """Identities of all files that exist. Raises `SuiteError` naming the file."""
    found: list[Identity] = []
    for file in files:
        if not file.is_file():
            continue
        try:
            found += _File.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))).identities
            for identity in found:
                identity.metrics()
        except (yaml.YAMLError, ValidationError, ValueError) as problem:
            raise SuiteError.of(file, problem) from problem
    return found


def as_rule(identity: Identity, is_zero_when_absent: Mapping[str, bool]) -> SetRule:
    """The identity as a rule over ``v``: one offending row per metric and period, so that all of its metrics
    are held back. A sum without rows is zero inside the periods that its metric covers."""
    names = identity.metrics()
    grains = ", ".join(exp.Literal.string(grain).sql() for grain in identity.grains)
    quoted = {name: exp.to_identifier(name, quoted=True).sql() for name in names}
    picks, covers = [], []
    for name in names:
        literal = exp.Literal.string(name).sql()
        value = f"max(CASE WHEN metric = {literal} THEN value END)"
        if is_zero_when_absent.get(name):
            state = f"max(CASE WHEN metric = {literal} THEN value_state END)"
            value = f"CASE WHEN coalesce({state}, 'no_data') = 'no_data' THEN 0 ELSE {value} END"
            covers.append(
                f"period_start BETWEEN (SELECT min(period_start) FROM totals WHERE metric = {literal})"
                f" AND (SELECT max(period_start) FROM totals WHERE metric = {literal})"
            )
        picks.append(f"{value} AS {quoted[name]}")
    left, right = _rendered(identity.left), _rendered(identity.right)
    offenders = f"""
        WITH totals AS (
          SELECT * FROM v WHERE segment_dimension = '' AND grain IN ({grains})
        ), periods AS (
          SELECT grain, period_start, max(period_end) AS period_end, {", ".join(picks)}
          FROM totals WHERE metric IN ({", ".join(exp.Literal.string(name).sql() for name in names)})
          GROUP BY grain, period_start
        ), judged AS (
          SELECT grain, period_start, ({left}) - ({right}) AS gap,
                 lag(period_end) OVER chain + 1 = period_start AS follows
          FROM periods WINDOW chain AS (PARTITION BY grain ORDER BY period_start)
        )
        SELECT metric, grain, period_start, '' AS segment_dimension, '' AS segment_value
        FROM judged JOIN totals USING (grain, period_start)
        WHERE abs(gap) > {identity.tolerance!r} AND (follows OR {"FALSE" if _looks_back(identity) else "TRUE"})
          AND metric IN ({", ".join(exp.Literal.string(name).sql() for name in names)})
          {"".join(f" AND {cover}" for cover in covers)}"""
    what = f"{identity.left} is not {identity.right}"
    return SetRule(identity.id, Dimension.RECONCILIATION, identity.severity, offenders, what)


def _looks_back(identity: Identity) -> bool:
    return any(
        tree.find(exp.Anonymous) is not None for tree in (_parsed(identity.left), _parsed(identity.right))
    )


def _parsed(text: str) -> exp.Expr:
    """An arithmetic expression over metric names and ``previous(metric)``; ValueError for anything else."""
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except SqlglotError as problem:
        raise ValueError(f"cannot read {text!r}: {str(problem).splitlines()[0]}") from problem
    for node in tree.walk():
        arithmetic = isinstance(
            node, exp.Binary | exp.Paren | exp.Neg | exp.Literal | exp.Column | exp.Identifier
        )
        back = (
            isinstance(node, exp.Anonymous) and node.name.lower() == "previous" and len(node.expressions) == 1
        )
        if not (arithmetic or back) or (isinstance(node, exp.Column) and node.table):
            raise ValueError(
                f"{text!r} holds {node.sql()!r}; write arithmetic over metrics and previous(metric)"
            )
    return tree


def _rendered(text: str) -> str:
    def render(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            return exp.column(node.name, quoted=True)
        if isinstance(node, exp.Anonymous):
            inner = node.expressions[0].transform(render).sql(dialect="duckdb")
            return sqlglot.parse_one(
                f"lag({inner}) OVER (PARTITION BY grain ORDER BY period_start)", read="duckdb"
            )
        return node

    return _parsed(text).transform(render).sql(dialect="duckdb")
