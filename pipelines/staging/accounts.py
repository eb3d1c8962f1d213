"""Accounts side by side: a staging model is written for one account, and runs once for each, over its rows alone.

The typed table of a stream holds the rows of every account (`_account`), and vendors number their records from the
same beginnings: issue 10001 is in every Jira. So a model never sees two accounts at once, and where a system has
several, the ids that they issued are told apart by the source's name.

    models/jira/tracker.issues.sql ─► rows of account acme,   source `jira`       ─► 10001
                                   ─► rows of account second, source `jira_second` ─► jira_second:10001

The source that is called as its system is keeps its ids as they are, as the only account of a system does; so ids stay
when a second account comes. `qualify_ids:` of a source says otherwise. An id that another system issued is never
touched: the account of a Zendesk ticket is the CRM's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import sqlglot
from sqlglot import Token, TokenType

from definitions.model import Source
from pipelines.staging.models import DERIVED, Model
from pipelines.steps.sources import SourceInstance

VALUES_WITH_IDS: Mapping[str, tuple[str, ...]] = {"tracker.issue_changelog": ("assignee",)}
"""Histories in which the values (`old`, `new`) of these fields are ids."""


def for_accounts(
    models: Sequence[Model], sources: Sequence[SourceInstance], tables: Mapping[str, Source]
) -> tuple[Model, ...]:
    """Each model once for every account that pulls all that it reads of its system; derived models as they are.

    `tables` are the neutral tables by name.
    """
    fed: dict[str, set[str]] = {}
    for model in models:
        fed.setdefault(model.system, set()).add(model.table)
    found: list[Model] = []
    for model in models:
        if model.system == DERIVED:
            found.append(model)
            continue
        accounts = [source for source in sources if source.system == model.system]
        ids = issued_ids(tables[model.table], tables, fed[model.system])
        for source in accounts:
            pulled = {source.typed_table(stream.name) for stream in source.streams}
            needed = {name for name in model.inputs if name.startswith(f"{model.system}.")}
            if needed <= pulled:
                sql = of_account(model.sql, needed, source.config.account)
                if is_qualified(source, len(accounts)):
                    sql = told_apart(sql, model.table, ids, f"{source.name}:")
                found.append(replace(model, sql=sql))
    return tuple(found)


def is_qualified(source: SourceInstance, accounts: int) -> bool:
    """Do the ids of this source carry its name, given how many accounts its system has?"""
    asked = source.config.qualify_ids
    return asked if asked is not None else accounts > 1 and source.name != source.system


def issued_ids(table: Source, tables: Mapping[str, Source], fed: Collection[str]) -> tuple[str, ...]:
    """The columns of `table` whose ids a system that feeds the tables `fed` issued itself.

    An id that is the whole key of a table is of whoever feeds that table, every other one of whoever wrote the row.
    """
    keys = {name: source.key[0] for name, source in tables.items() if len(source.key) == 1}
    own = {key for name, key in keys.items() if name in fed}
    foreign = set(keys.values()) - own
    return tuple(name for name in table.columns if name.endswith("_id") and name not in foreign)


def told_apart(sql: str, table: str, ids: Sequence[str], prefix: str) -> str:
    """The statement with `prefix` before each of its ids."""
    text = "'" + prefix.replace("'", "''") + "'"
    shown = [f'{text} || "{name}" AS "{name}"' for name in ids]
    if fields := VALUES_WITH_IDS.get(table):
        listed = ", ".join(f"'{field}'" for field in fields)
        for name in ("old", "new"):
            value = f'CASE WHEN field IN ({listed}) THEN {text} || "{name}" ELSE "{name}" END'
            shown.append(f'{value} AS "{name}"')
    return f"SELECT * REPLACE ({', '.join(shown)})\nFROM (\n{sql.strip().rstrip(';')}\n)" if shown else sql


def of_account(sql: str, tables: Collection[str], account: str) -> str:
    """The statement over the rows of one account of these typed tables (`schema.name`)."""
    text = "'" + account.replace("'", "''") + "'"
    tokens = sqlglot.tokenize(sql, read="duckdb")
    pieces: list[str] = []
    copied = 0
    for at, token in enumerate(tokens):
        name = ".".join(part.text for part in tokens[at : at + 3 : 2])
        if name not in tables or not _is(tokens, at + 1, TokenType.DOT) or _is(tokens, at - 1, TokenType.DOT):
            continue
        table = tokens[at + 2]
        pieces.append(sql[copied : token.start])
        if _is(tokens, at + 3, TokenType.DOT):
            pieces.append(table.text)  # a column of the table, which is called by its plain name below
        else:
            is_named = _is(tokens, at + 3, TokenType.ALIAS, TokenType.VAR, TokenType.IDENTIFIER)
            pieces.append(
                f"(SELECT * FROM {name} WHERE _account = {text})" + ("" if is_named else f" AS {table.text}")
            )
        copied = table.end + 1
    return "".join([*pieces, sql[copied:]])


def _is(tokens: Sequence[Token], at: int, *kinds: TokenType) -> bool:
    return 0 <= at < len(tokens) and tokens[at].token_type in kinds
