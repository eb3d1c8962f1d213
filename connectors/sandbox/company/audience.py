"""Who is asked and who writes: the accounts that pay on a day."""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company.deals import Customers
from connectors.sandbox.company.randoms import Rng
from connectors.sandbox.company.timeline import DAYS, END_DAY, START_DAY, Floats, Ints

UNKNOWN_ACCOUNT = -2
"""An account that the CRM does not know."""


def paying_per_day(customers: Customers) -> Floats:
    """Number of paying accounts on each day of the axis."""
    steps = np.zeros(DAYS.size + 1, dtype=np.float64)
    for days, step in ((customers.start, 1.0), (customers.end, -1.0), (customers.back, 1.0)):
        inside = days < END_DAY
        np.add.at(steps, np.clip(days[inside] - START_DAY, 0, DAYS.size), step)
    return np.cumsum(steps)[:-1]


def paying_account(rng: Rng, customers: Customers, days: Ints) -> Ints:
    """A random account that pays on each of the given days (tries a few times, then takes any)."""
    found = rng.integers(0, customers.account.size, days.size)
    for _ in range(10):
        pays = (customers.start[found] <= days) & (
            (customers.end[found] > days) | (customers.back[found] <= days)
        )
        retry = np.flatnonzero(~pays)
        if retry.size == 0:
            break
        found[retry] = rng.integers(0, customers.account.size, retry.size)
    accounts: Ints = customers.account[found]
    return accounts
