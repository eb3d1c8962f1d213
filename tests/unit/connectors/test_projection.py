"""What lands is what the contract allows, and the compiled rules never differ from the plain ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Column, ColumnType, Contract, Personal
from connectors.errors import ContractError
from connectors.projection import Projection
from connectors.secret import Secret

STRING, JSON = ColumnType.STRING, ColumnType.JSON
KEY = Secret("a key for hashing")

CONTRACT = Contract(
    columns=(
        Column("thing_id", STRING, "id", nullable=False),
        Column("name", STRING, "fields.name"),
        Column("status", STRING, "fields.status.name"),
        Column("category", STRING, "fields.status.category.key"),
        Column("team", STRING, "fields.team.id", optional=True),
        Column("points", STRING, "fields.points", optional=True),
        Column("sprint", STRING, "fields.sprints[-1].id"),
        Column("tags", JSON, "tags"),
        Column("first", STRING, "names[0]"),
        Column("email", STRING, "fields.reporter.email", personal=Personal.DROP),
        Column("reporter", STRING, "fields.reporter.id", personal=Personal.HASH),
    ),
    key=("thing_id",),
    open_containers=("", "fields"),
    ignored=("self", "fields.icon"),
)

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.just([]), st.just({})
)
wild = st.one_of(
    leaves, st.lists(leaves, max_size=2), st.dictionaries(st.sampled_from("abk"), leaves, max_size=2)
)


def maybe(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(value, value, wild)


names = st.text("abc", max_size=2)
fields = st.fixed_dictionaries(
    {
        "name": names,
        "status": maybe(
            st.fixed_dictionaries({"name": names, "category": maybe(st.fixed_dictionaries({"key": names}))})
        ),
        "sprints": maybe(st.lists(maybe(st.fixed_dictionaries({"id": names, "goal": names})), max_size=2)),
        "reporter": maybe(st.fixed_dictionaries({"id": names, "email": names})),
    },
    optional={
        "team": maybe(st.fixed_dictionaries({"id": names})),
        "points": wild,
        "icon": wild,
        "news": wild,
    },
)
records = st.fixed_dictionaries(
    {"id": names, "fields": maybe(fields), "tags": wild, "names": maybe(st.lists(names, max_size=2))},
    optional={"self": wild, "surprise": wild},
)


@settings(max_examples=300, deadline=None)
@given(records, st.lists(st.sampled_from(["id", "fields", "tags", "names"]), max_size=1))
def test_the_compiled_rules_and_the_plain_ones_say_the_same(
    record: dict[str, Any], absent: list[str]
) -> None:
    record = {name: value for name, value in record.items() if name not in absent}
    fast, plain = Projection(CONTRACT, KEY), Projection(CONTRACT, KEY)
    before = repr(record)
    assert fast.usual(record) == plain.any_shape(record)
    assert fast.unknown == plain.unknown
    assert repr(record) == before, "the vendor's record is not touched"


def test_a_usual_record_needs_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []

    def second_look(self: Projection, record: dict[str, Any]) -> dict[str, Any]:
        looks.append(record)
        return {}

    monkeypatch.setattr(Projection, "any_shape", second_look)
    projection = Projection(CONTRACT, KEY)
    fields = {
        "name": "n",
        "status": None,
        "sprints": [{"id": 1, "goal": "x"}],
        "reporter": {"id": "p", "email": "e"},
    }
    landed = projection.usual({"id": "7", "fields": fields, "tags": ["t"], "names": [], "self": "https://x"})
    assert looks == []
    assert landed["fields"]["sprints"] == [{"id": 1}]
    assert set(landed["fields"]["reporter"]) == {"id"}
    assert landed["fields"]["reporter"]["id"] not in ("p", None)


def test_a_field_that_lands_whole_must_not_carry_one_that_must_not() -> None:
    columns = (
        Column("thing_id", STRING, "id"),
        Column("author", JSON, "author"),
        Column("email", STRING, "author.email", personal=Personal.DROP),
    )
    with pytest.raises(ContractError, match="lands whole"):
        Projection(Contract(columns=columns, key=("thing_id",)))


def test_a_name_of_a_field_is_never_code() -> None:
    hostile = "x'] or __import__('os').abort() or record['"
    columns = (Column("thing_id", STRING, "id"), Column("odd", STRING, f'"{hostile}"'))
    projection = Projection(Contract(columns=columns, key=("thing_id",)))
    assert projection.usual({"id": 1, hostile: 2}) == {"id": 1, hostile: 2}
