"""What was published once stays: views and columns are only ever added. Source: publication rules, decision 1.

`published_contract.json` is the contract as it was last written down. A view or column that is new is added to it
by `python -m tests.unit.publishing.test_published_contract`; one that has gone or changed its kind is a failure.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipelines.publishing.schema import metadata
from pipelines.publishing.views import VIEWS
from pipelines.publishing.views.kinds import column_kinds

CONTRACT = Path(__file__).with_name("published_contract.json")


def current() -> dict[str, dict[str, str]]:
    return {view: {name: str(kind) for name, kind in kinds.items()} for view, kinds in column_kinds().items()}


def test_nothing_published_has_gone_or_changed_its_kind() -> None:
    now = current()
    for view, columns in json.loads(CONTRACT.read_text(encoding="utf-8")).items():
        assert view in now, f"view {view} has gone"
        assert {name: now[view].get(name) for name in columns} == columns, view


def test_what_is_new_is_written_down() -> None:
    assert json.loads(CONTRACT.read_text(encoding="utf-8")) == current(), (
        "views or columns are new: python -m tests.unit.publishing.test_published_contract writes them down"
    )


def test_names_are_whole_words_in_snake_case() -> None:
    """Source: publication rules, decision 11."""
    names = {table.name for table in metadata.tables.values()} | {view.name for view in VIEWS}
    names |= {column.name for table in metadata.tables.values() for column in table.columns}
    names |= {column.name for view in VIEWS for column in view.columns}
    assert {name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)} == set()
    assert max(len(name) for name in names) <= 63


def test_no_column_is_a_word_that_sql_reserves() -> None:
    from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS as postgresql
    from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

    reserved = set(postgresql) | set(SQLiteIdentifierPreparer.reserved_words)
    names = {column.name for view in VIEWS for column in view.columns} | {view.name for view in VIEWS}
    assert names & reserved == set()


def test_endings_say_the_type() -> None:
    """`_at` instants, `_date` days, `is_` booleans; `amber_at` and `red_at` are limits, as the rules name them."""
    for view, kinds in current().items():
        for name, kind in kinds.items():
            if name.endswith("_at") and name not in ("amber_at", "red_at"):
                assert kind == "timestamp", f"{view}.{name}"
            if name.endswith("_date"):
                assert kind == "date", f"{view}.{name}"
            assert (kind == "boolean") or not name.startswith("is_"), f"{view}.{name}"


if __name__ == "__main__":
    CONTRACT.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
