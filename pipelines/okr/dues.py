"""Which check-ins of a cycle are due, done, overdue or waived on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from definitions.model import Catalogue, Cycle
from pipelines.scoring.cadence import Due, DueState, due_dates, update_dues
from pipelines.scoring.checkin import CheckIn


def due_check_ins(
    catalogue: Catalogue,
    cycle: Cycle,
    as_of: date,
    said: Mapping[str, Sequence[CheckIn]],
    known: Iterable[Due],
    is_final: bool,
) -> tuple[Due, ...]:
    """Check-ins that were due by `as_of`, and the next one; what was published before keeps its nudges.

    Nobody is asked about a closed cycle or a cancelled key result: what is open there is waived.
    """
    here, active = set(), set()
    for objective in cycle.objectives:
        for key_result in objective.key_results:
            here.add(key_result.key)
            if objective.lifecycle == "active" and key_result.status == "active":
                active.add(key_result.key)
    days = due_dates(cycle.start, cycle.end, cycle.check_in, catalogue.settings.scoring)
    shown = [day for day in days if day <= as_of] + [day for day in days if day > as_of][:1]
    earlier = {(due.key_result, due.due): due for due in known if due.key_result in here}
    rows = earlier | {(key, day): earlier.get((key, day), Due(key, day)) for key in active for day in shown}
    updated = update_dues(
        rows.values(), {key: [item.on for item in items] for key, items in said.items()}, as_of
    )
    return tuple(
        replace(due, state=DueState.WAIVED)
        if due.is_open and (is_final or due.key_result not in active)
        else due
        for due in updated
    )
