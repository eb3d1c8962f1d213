"""Out and in again, over every pack and over definitions made up at random: each hash, each agreement, each source."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from definitions import load_texts
from definitions.interchange import FORMATS
from definitions.model import Catalogue, MetricType
from definitions.packs import MODELS, Company, company_texts, load_pack
from definitions.packs.pack import FOLDER
from definitions.versions import definition_hashes
from definitions.writing import to_yaml
from tests.unit.definitions.small import TEXTS

SOURCES = (
    TEXTS["sources/support.yml"]
    + """
  - name: ticket_states
    system: desk
    table: support.ticket_states
    owner: support
    key: [ticket_id, valid_from]
    validity: {from: valid_from, to: valid_to}
    columns:
      - {name: ticket_id, type: string}
      - {name: valid_from, type: timestamp}
      - {name: valid_to, type: timestamp?}
"""
)
FILTERS = (
    "priority = 'high'",
    "cost > 12.5 and team is not null",
    "team in ('a', 'b') or hours < 3",
    "seconds_between(opened_at, resolved_at) > 60",
    "accounts.region = 'na'",
    "not (priority = 'low')",
)
AGREEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "missing": st.sampled_from(["empty", "zero", "carry_forward"]),
    "minimum_sample": st.integers(1, 50),
    "status": st.sampled_from(["draft", "review", "certified"]),
    "level": st.sampled_from(["supporting", "operational"]),
    "frequency": st.just({"calculate": "daily", "review": "weekly"}),
    "segments": st.sampled_from([["team"], ["team", "region"], [["team", "region"]]]),
    "known_pitfalls": st.sampled_from(["Mind the gap: it's 'quoted'", "plain"]),
    "settles_after": st.sampled_from(["3 days", "1 week"]),
    "benchmarks": st.just([{"label": "Peers", "low": 0.5, "applies_to": "B2B", "source": "a survey"}]),
    "changes": st.just(
        [
            {
                "version": 1,
                "on": date(2026, 1, 5),
                "why": "First",
                "proposed_by": "eva",
                "approved_by": "ana",
                "kind": "new",
            }
        ]
    ),
    "reviewed_on": st.dates(date(2025, 1, 1), date(2026, 12, 31)),
    "guardrails": st.just([{"metric": "tickets_opened", "rationale": "speed", "tolerance_pct": 2.5}]),
}


@st.composite
def measures(draw: st.DrawFn, *, source: bool = True) -> dict[str, Any]:
    agg = draw(
        st.sampled_from(
            ["count", "count_distinct", "sum", "avg", "min", "max", "median", "percentile", "sum_boolean"]
        )
    )
    made: dict[str, Any] = {"source": "tickets"} if source else {}
    made["agg"] = agg
    if agg == "count_distinct":
        made["expr"] = "account_id"
    elif agg == "sum_boolean":
        made["expr"] = "resolved_at is not null"
    elif agg != "count":
        made["expr"] = draw(
            st.sampled_from(["cost", "hours * 2", "coalesce(cost, 0)", "case when hours > 1 then cost end"])
        )
    if agg == "percentile":
        made["percentile"] = draw(st.sampled_from([0.25, 0.9]))
    condition = draw(st.none() | st.sampled_from(FILTERS))
    if condition:
        made["filter"] = condition
    if draw(st.booleans()):
        made["time"] = "due_on"
    return made


@st.composite
def formulas(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([str(kind) for kind in MetricType]))
    window = draw(st.sampled_from(["7 days", "1 month"]))
    reference: dict[str, Any] = {"metric": draw(st.sampled_from(["tickets_opened", "total_cost"]))}
    match kind:
        case "simple":
            return {"type": kind, **draw(measures())}
        case "ratio":
            operand = st.one_of(measures(), st.just(reference))
            return {"type": kind, "numerator": draw(operand), "denominator": draw(operand)}
        case "derived":
            shifted = {"metric": "total_cost", "alias": "before", "offset": window}
            return {"type": kind, "expr": "total_cost - before * 0.5", "inputs": [shifted]}
        case "cumulative":
            base: dict[str, Any] = (
                {"metric": "total_cost"} if draw(st.booleans()) else {"source": "tickets", "agg": "count"}
            )
            how = draw(st.sampled_from([{}, {"window": window}, {"grain_to_date": "month"}]))
            return {
                "type": kind,
                **base,
                **how,
                "period_agg": draw(st.sampled_from(["first", "last", "average"])),
            }
        case "balance":
            if draw(st.booleans()):
                return {"type": kind, "source": "ticket_states", "agg": "count"}
            return {
                "type": kind,
                "source": "tickets",
                "agg": "sum",
                "expr": "cost",
                "choice": draw(st.sampled_from(["first", "last"])),
                "groupings": draw(st.sampled_from([[], ["account_id"]])),
            }
        case "conversion":
            return {
                "type": kind,
                "source": "tickets",
                "base": {"agg": "count"},
                "conversion": {"agg": "count", "filter": "resolved_at is not null"},
                "entity": "account_id",
                "window": window,
                "inclusive": draw(st.booleans()),
                "calculation": draw(st.sampled_from(["rate", "count"])),
                "unconverted": draw(st.sampled_from(["zero", "empty"])),
                "constant_properties": draw(st.sampled_from([[], [{"base": "team", "conversion": "team"}]])),
            }
        case "retention":
            return {
                "type": kind,
                "source": "tickets",
                "cohort": {"agg": "count"},
                "activity": {"agg": "count"},
                "entity": "account_id",
                "days": [28, 34],
                "calculation": draw(st.sampled_from(["rate", "count"])),
            }
    parts = [
        {"metric": name, "weight": draw(st.sampled_from([1, 2.5])), "low": 0, "high": 10}
        for name in ("total_cost", "tickets_opened")
    ]
    return {
        "type": kind,
        "components": parts,
        "scale": draw(st.sampled_from([1, 100])),
        "min_coverage": draw(st.sampled_from([0.5, 1])),
    }


@st.composite
def dictionaries(draw: st.DrawFn) -> Catalogue:
    """The small dictionary and up to three metrics more."""
    more = []
    for index in range(draw(st.integers(1, 3))):
        agreed = draw(st.fixed_dictionaries({}, optional=AGREEMENTS))
        formula = draw(formulas())
        if formula.get("source") == "ticket_states":  # it has no dimensions
            agreed.pop("segments", None)
        more.append(
            {
                "name": f"made_up_{index}",
                "label": f"Made up {index}",
                "definition": draw(st.sampled_from(["What it says.", 'Ümläut: "quoted" # no comment'])),
                "owner": {"team": "support", "accountable": "ana"},
                **formula,
                **agreed,
                "unit": "things",
                "direction": draw(st.sampled_from(["increase", "decrease"])),
            }
        )
    texts = {name: text for name, text in TEXTS.items() if not name.startswith(("objectives/", "targets/"))}
    return load_texts(
        {**texts, "sources/support.yml": SOURCES, "metrics/more.yml": to_yaml({"metrics": more})}
    )


def come_back(catalogue: Catalogue, form: str, rest: dict[str, str]) -> None:
    """The dictionary through a format: nothing is lost, and nothing is another."""
    exported = FORMATS[form].export(catalogue)
    documents = {name: yaml.safe_load(to_yaml(document)) for name, document in exported.documents.items()}
    imported = FORMATS[form].read(documents)
    assert imported.lost == ()
    again = load_texts({**rest, **imported.texts}, root=catalogue.root)
    assert again.sources == catalogue.sources
    assert definition_hashes(again) == definition_hashes(catalogue)
    for name, metric in catalogue.metrics.items():
        other = again.metrics[name]
        assert (
            other.formula == metric.formula
            or definition_hashes(again)[name] == definition_hashes(catalogue)[name]
        )
        for field in (
            "label",
            "definition",
            "status",
            "version",
            "owner",
            "unit",
            "segments",
            "grains",
            "missing",
            "minimum_sample",
            "frequency",
            "direction",
            "guardrails",
            "level",
            "perspective",
            "benchmarks",
            "changes",
            "reviewed_on",
            "reviewed_by",
            "silences",
            "settles_after",
            "known_pitfalls",
            "undeclared",
        ):
            assert getattr(other, field) == getattr(metric, field), (name, field)


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize("model", [model for model in MODELS if (FOLDER / model / "metrics.yml").is_file()])
def test_every_pack_with_metrics_of_its_own_comes_back(model: str, form: str) -> None:
    texts = company_texts(load_pack(model), Company(today=date(2026, 7, 1)))
    rest = {name: text for name, text in texts.items() if not name.startswith(("metrics/", "sources/"))}
    come_back(load_texts(texts), form, rest)


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(dictionaries(), st.sampled_from(sorted(FORMATS)))
def test_any_definition_comes_back(catalogue: Catalogue, form: str) -> None:
    rest = {name: text for name, text in TEXTS.items() if name == "calendars.yml"}
    come_back(catalogue, form, rest)
