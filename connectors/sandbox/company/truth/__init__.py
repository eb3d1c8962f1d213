"""The neutral tables straight from the company, as of an instant: what the warehouse must hold after a complete
run.

    truth(company, "crm.opportunities", now)      # a pandas DataFrame

Computed from the generator's arrays alone, never through a fake or a connector, so that the chain can be compared
with it. Deleted records: the CRM keeps them (`is_deleted`); the tracker and the help desk forget them, so they are
not here, nor are the states of deleted opportunities. States are minimal: an interval begins where one of its shown
columns changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.tables import FILE_TABLES
from connectors.sandbox.company.timeline import instant
from connectors.sandbox.company.truth import crm, support, tracker

TABLES: Mapping[str, Callable[[Company, int], pa.Table]] = {
    **crm.TABLES,
    **tracker.TABLES,
    **support.TABLES,
    **FILE_TABLES,
}
"""Every neutral table and how it is computed."""


def truth(company: Company, table: str, now: datetime) -> pd.DataFrame:
    """One neutral table as of `now`, columns as in the architecture notes; instants naive UTC, money Decimal.

    Raises:
        KeyError: there is no such table; the message lists the known ones.
    """
    builder = TABLES.get(table)
    if builder is None:
        raise KeyError(f"no neutral table {table!r}; known: {', '.join(sorted(TABLES))}")
    frame: pd.DataFrame = builder(company, instant(now)).to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype()}.get
    )
    return frame


def vanished(company: Company, table: str, seen: datetime, now: datetime) -> list[str]:
    """Ids that existed at `seen` and are gone at `now`, for the tables whose source forgets deleted records."""
    logs: Mapping[str, tuple[Log, int]] = {
        "tracker.issues": (company.issues.log, identity.ISSUE_BASE),
        "support.tickets": (company.conversations.log, identity.CONVERSATION_BASE),
    }
    if table == "tracker.worklogs":
        logged = company.worklogs
        gone = (
            (logged.created <= instant(seen))
            & (logged.deleted > instant(seen))
            & (logged.deleted <= instant(now))
        )
        return identity.texts(identity.WORKLOG_BASE, np.flatnonzero(gone))
    log, base = logs[table]
    before, after = log.record[log.current(instant(seen))], log.record[log.current(instant(now))]
    return identity.texts(base, np.setdiff1d(before, after))
