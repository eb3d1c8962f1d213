"""The accounts' own history in the CRM: tier and owner as they change, and deletion."""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.deals import REPRESENTATIVES, Customers
from connectors.sandbox.company.demand import Accounts
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.randoms import chance, stream
from connectors.sandbox.company.timeline import DAY, HOUR, day_number
from connectors.sandbox.company.words import FREE, PRO, REGIONS


def account_log(seed: int, accounts: Accounts, customers: Customers) -> Log:
    """Fold the accounts' changes into versions; columns: tier, owner.

    A free account becomes a pro one on its first paid day; bulk edits move the EMEA accounts to other owners in one
    second.
    """
    rng = stream(seed, "crm", "accounts")
    upgraded = np.flatnonzero(accounts.tier[customers.account] == FREE)
    changes = [
        Change(
            customers.account[upgraded],
            customers.start[upgraded] * DAY + 9 * HOUR,
            {"tier": np.full(upgraded.size, PRO, dtype=np.int64)},
        )
    ]
    emea = accounts.region == REGIONS.index("emea")
    for day in stories.BULK_EDITS:
        at_once = day_number(day) * DAY + 3 * HOUR
        moved = np.flatnonzero(emea & (accounts.created < at_once) & chance(rng, 0.5, accounts.size)).astype(
            np.int64
        )
        owners = rng.integers(0, REPRESENTATIVES, moved.size)
        changes.append(Change(moved, np.full(moved.size, at_once, dtype=np.int64), {"owner": owners}))
    return Log.build(
        created=accounts.created,
        initial={"tier": accounts.tier, "owner": rng.integers(0, REPRESENTATIVES, accounts.size)},
        changes=changes,
        deleted=accounts.deleted,
    )
