"""What customers answer when they are asked whether they would recommend the product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.audience import UNKNOWN_ACCOUNT, paying_account, paying_per_day
from connectors.sandbox.company.deals import Customers
from connectors.sandbox.company.randoms import arrivals, chance, pick, season, stream
from connectors.sandbox.company.timeline import DAY, END, NONE, Ints, day_number
from connectors.sandbox.company.words import ENTERPRISE

NPS_PER_CUSTOMER_DAY = 0.0085


@dataclass(frozen=True)
class Nps:
    """NPS answers by time; `account` as for conversations."""

    account: Ints
    score: Ints
    at: Ints

    @property
    def size(self) -> int:
        """Number of answers."""
        return int(self.at.size)


def nps(seed: int, customers: Customers) -> Nps:
    """Draw NPS answers; enterprise customers are kinder, the bad release is remembered for a month."""
    rng = stream(seed, "support", "nps")
    at = arrivals(rng, paying_per_day(customers) * NPS_PER_CUSTOMER_DAY * season("product"), spread=5.0)
    account = paying_account(rng, customers, at // DAY)
    tier = np.full(int(customers.account.max()) + 1, 0, dtype=np.int64)
    tier[customers.account] = customers.tier
    release = stories.BAD_RELEASE
    hurt = (at // DAY >= day_number(release.start) + 2) & (at // DAY < day_number(release.end) + 20)
    detractor = np.where(hurt, 0.36, np.where(tier[account] == ENTERPRISE, 0.14, 0.20))
    promoter = np.where(hurt, 0.33, np.where(tier[account] == ENTERPRISE, 0.58, 0.50))
    luck = rng.random(at.size)
    score = np.where(
        luck < detractor,
        pick(rng, at.size, (1, 1, 1, 2, 3, 5, 7)),
        np.where(luck > 1 - promoter, 9 + pick(rng, at.size, (0.5, 0.5)), 7 + pick(rng, at.size, (0.4, 0.6))),
    )
    account[chance(rng, 0.03, at.size)] = NONE
    account[chance(rng, 0.01, at.size)] = UNKNOWN_ACCOUNT
    inside = at < END
    return Nps(account[inside], score[inside].astype(np.int64), at[inside])
