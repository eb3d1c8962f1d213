"""Taking check-ins, wherever they come from: the form, the command line, a file.

    desk = CheckInDesk(catalogue, store, today)
    desk.take("ada@example.org", "kr_nps", {"how_it_happened": "…", "confidence": "0.7"})

What is taken is checked against the dictionary and the rules, and recorded as a new row: a second check-in for one
key result and day supersedes the first. Source: scoring rules, "Cycle".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from definitions.model import Catalogue, Cycle, KeyResult, Objective, Person
from pipelines.scoring.cadence import Due, due_dates, is_stale, update_dues
from pipelines.scoring.checkin import CheckIn, Driver, Prefill, current, make_check_in, prefill
from pipelines.scoring.errors import CheckInError

FIELDS = (
    "progress_note",
    "how_it_happened",
    "confidence",
    "blockers",
    "do_differently",
    "value_override",
    "status_override",
)
"""What a person may write. Of these `how_it_happened` and `confidence` are asked for every time."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is published about a key result: its latest score, and its value at the last check-in."""

    value: Decimal | None = None
    value_as_of: date | None = None
    previous: Decimal | None = None
    score: Decimal | None = None
    score_band: str | None = None
    progress: Decimal | None = None
    pace: str | None = None
    hit_probability: Decimal | None = None
    drivers: tuple[Driver, ...] = ()


class CheckInStore(Protocol):
    """Where check-ins are kept. The reporting database is one: `pipelines.publishing.check_ins`."""

    def check_ins(self) -> tuple[CheckIn, ...]:
        """Everything that was ever recorded, corrected or not."""
        ...

    def record(self, drafts: Sequence[CheckIn]) -> tuple[CheckIn, ...]:
        """Record all or none; each supersedes what stands for its key result and day."""
        ...

    def facts(self, key_result: str, since: date | None) -> Facts:
        """What is published about a key result; `since` is the day of the last check-in."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A key result that a person is asked about."""

    cycle: Cycle
    objective: Objective
    key_result: KeyResult
    last: CheckIn | None
    due: Due | None
    is_stale: bool


class CheckInDesk:
    """Knows which key results are open, who answers for them, and takes what people say."""

    def __init__(self, catalogue: Catalogue, store: CheckInStore, today: date) -> None:
        self._catalogue = catalogue
        self._store = store
        self._today = today

    def person(self, email: str) -> Person:
        """The active person with this address.

        Raises:
            CheckInError: there is none.
        """
        wanted = email.strip().casefold()
        for person in self._catalogue.people.values():
            if person.email.casefold() == wanted and person.active:
                return person
        raise CheckInError("author_email", f"nobody in teams.yml has the address {email.strip()!r}")

    def asked_of(self, person: str) -> tuple[Asked, ...]:
        """Open key results that a person (by key) owns, or whose objective or team is theirs; the latest due first."""
        standing: dict[str, list[CheckIn]] = {}
        for item in current(self._store.check_ins()):
            standing.setdefault(item.key_result, []).append(item)
        found = [
            self._asked(cycle, objective, key_result, standing.get(key_result.key, []))
            for cycle, objective, key_result in self._open()
            if person in {key_result.owner, objective.owner, self._lead(objective)}
        ]
        late = date.max
        return tuple(
            sorted(
                found,
                key=lambda asked: (
                    asked.due.due if asked.due else late,
                    asked.cycle.key,
                    asked.key_result.key,
                ),
            )
        )

    def prefilled(self, key_result: str) -> Prefill:
        """The arithmetic half of a check-in; confidence is never prefilled."""
        _, _, found = self._find(key_result)
        own = [item.on for item in current(self._store.check_ins()) if item.key_result == key_result]
        facts = self._store.facts(key_result, max(own, default=None))
        metric = self._catalogue.metrics.get(found.metric or "")
        return prefill(
            label=metric.label if metric else found.statement,
            unit=found.unit or (metric.unit if metric else ""),
            value=facts.value,
            previous=facts.previous,
            target=found.target,
            score=facts.score,
            progress=facts.progress,
            pace=facts.pace,
            drivers=facts.drivers,
        )

    def check(
        self, author: str, key_result: str, said: Mapping[str, str | None], on: date | None = None
    ) -> CheckIn:
        """Check one check-in without recording it.

        Raises:
            CheckInError: names the field to mend.
        """
        unknown = sorted(set(said) - set(FIELDS))
        if unknown:
            raise CheckInError(unknown[0], f"is no field of a check-in; there are: {', '.join(FIELDS)}")
        cycle, _, found = self._find(key_result)
        words = {name: said.get(name) or "" for name in FIELDS}
        return make_check_in(
            key_result=found.key,
            on=on or min(self._today, cycle.end),
            author=self.person(author).email,
            how_it_happened=words["how_it_happened"],
            confidence=words["confidence"],
            today=self._today,
            cycle=(cycle.start, cycle.end),
            progress_note=words["progress_note"],
            blockers=words["blockers"],
            do_differently=words["do_differently"],
            value_override=words["value_override"],
            status_override=words["status_override"] or None,
        )

    def take(
        self, author: str, key_result: str, said: Mapping[str, str | None], on: date | None = None
    ) -> CheckIn:
        """Check and record one check-in.

        Raises:
            CheckInError: names the field to mend; nothing is recorded.
        """
        (recorded,) = self._store.record([self.check(author, key_result, said, on)])
        return recorded

    def take_all(self, drafts: Sequence[CheckIn]) -> tuple[CheckIn, ...]:
        """Record several that were checked, all or none."""
        return self._store.record(drafts)

    def standing(self) -> tuple[CheckIn, ...]:
        """Check-ins that stand, by key result and day."""
        return current(self._store.check_ins())

    def recorded(self) -> tuple[CheckIn, ...]:
        """Everything that was ever said, in order of recording."""
        return self._store.check_ins()

    def _open(self) -> list[tuple[Cycle, Objective, KeyResult]]:
        return [
            (cycle, objective, key_result)
            for cycle, objective, key_result in self._catalogue.key_results()
            if cycle.state == "open"
            and cycle.start <= self._today
            and objective.lifecycle == "active"
            and key_result.status == "active"
        ]

    def _find(self, key: str) -> tuple[Cycle, Objective, KeyResult]:
        for cycle, objective, key_result in self._open():
            if key_result.key == key:
                return cycle, objective, key_result
        known = {key_result.key: cycle for cycle, _, key_result in self._catalogue.key_results()}
        if key in known:
            raise CheckInError(
                "key_result", f"{key!r} is not open (cycle {known[key].key} is {known[key].state})"
            )
        raise CheckInError(
            "key_result", f"there is no key result {key!r}; list them with: vitals checkin list"
        )

    def _lead(self, objective: Objective) -> str | None:
        team = self._catalogue.teams.get(objective.team)
        return None if team is None else team.lead

    def _asked(
        self, cycle: Cycle, objective: Objective, key_result: KeyResult, said: Sequence[CheckIn]
    ) -> Asked:
        settings = self._catalogue.settings.scoring
        days = due_dates(cycle.start, cycle.end, cycle.check_in, settings)
        rows = update_dues(
            [Due(key_result.key, day) for day in days],
            {key_result.key: [item.on for item in said]},
            self._today,
        )
        waiting = [row for row in rows if row.is_open]
        return Asked(
            cycle=cycle,
            objective=objective,
            key_result=key_result,
            last=said[-1] if said else None,
            due=waiting[0] if waiting else None,
            is_stale=is_stale(rows, self._today, settings),
        )
