"""What opportunities consist of, and what other currencies were worth: line items and dated conversion rates."""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import DAY, END_DAY, NEVER, NONE, START_DAY, Ints
from connectors.sandbox.salesforce_fields import Field, Object, days_shown, made, money, picked
from connectors.sandbox.shelf import plain_log

PRODUCTS = ("Platform licence", "Onboarding package")
CURRENCIES = ("EUR", "GBP")
WORTH = (0.92, 0.79)
"""Units of each currency that one unit of the corporate currency was worth at first."""


def line_item(company: Company) -> Object:
    """Two lines for each opportunity, a licence and services; together they are its amount."""
    data, deals = company.deals, company.deals.log
    rows = np.repeat(np.arange(deals.at.size, dtype=np.int64), len(PRODUCTS))
    record = deals.record[rows] * len(PRODUCTS) + np.tile(np.arange(len(PRODUCTS)), deals.at.size)
    order = np.lexsort((deals.at[rows], record))
    rows, record = rows[order], record[order]
    amount = deals.state["amount"][rows]
    licence = amount * 4 // 5
    price = np.where(record % len(PRODUCTS) == 0, licence, amount - licence)
    size = deals.size * len(PRODUCTS)
    log = Log(
        record=record,
        at=deals.at[rows],
        until=deals.until[rows],
        gone=deals.gone[rows],
        state={"price": np.where(amount == NONE, NONE, price)},
        first=np.searchsorted(record, np.arange(size + 1)).astype(np.int64),
    )
    created = np.repeat(data.created, len(PRODUCTS))

    def deal(versions: Ints) -> Ints:
        return log.record[versions] // len(PRODUCTS)

    return made(
        "OpportunityLineItem",
        identity.LINE_ITEM,
        log,
        created,
        {
            "OpportunityId": Field(
                "reference", lambda v, _: identity.salesforce_ids(identity.OPPORTUNITY, deal(v)).tolist()
            ),
            "Name": Field("text", lambda v, _: picked(log.record[v] % len(PRODUCTS), PRODUCTS)),
            "ProductCode": Field("text", lambda v, _: picked(log.record[v] % len(PRODUCTS), ("LIC", "SRV"))),
            "Quantity": Field("number", lambda v, _: [1.0] * v.size),
            "UnitPrice": Field("money", lambda v, _: money(log.state["price"][v])),
            "TotalPrice": Field("money", lambda v, _: money(log.state["price"][v])),
            "CurrencyIsoCode": Field("text", lambda v, _: ["USD"] * v.size),
            "ServiceDate": Field("date", lambda v, _: [None] * v.size),
        },
    )


def dated_conversion_rate() -> Object:
    """A rate for each currency and quarter, the last one open; they drift by one per cent a quarter."""
    starts = np.arange(START_DAY, END_DAY, 91, dtype=np.int64)
    day = np.tile(starts, len(CURRENCIES))
    which = np.repeat(np.arange(len(CURRENCIES)), starts.size)
    quarter = np.tile(np.arange(starts.size), len(CURRENCIES))
    following = np.where(quarter == starts.size - 1, NEVER, day + 91)
    created = day * DAY
    log = plain_log(created)
    rates = [
        round(WORTH[c] * (1 + 0.01 * q), 6) for c, q in zip(which.tolist(), quarter.tolist(), strict=True)
    ]

    def until(versions: Ints, _: Ints) -> list[str | None]:
        days = following[log.record[versions]]
        known = days_shown(np.where(days == NEVER, 0, days))
        # The vendor closes the open rate with the end of all days.
        return ["9999-12-31" if d == NEVER else text for d, text in zip(days.tolist(), known, strict=True)]

    return made(
        "DatedConversionRate",
        identity.CONVERSION_RATE,
        log,
        created,
        {
            "IsoCode": Field("text", lambda v, _: picked(which[log.record[v]], CURRENCIES)),
            "ConversionRate": Field("number", lambda v, _: [rates[n] for n in log.record[v].tolist()]),
            "StartDate": Field("date", lambda v, _: days_shown(day[log.record[v]])),
            "NextStartDate": Field("date", until),
        },
        is_flagged=False,
    )
