"""What can go wrong while publishing. Each error says what happened, where, and what to do next.

PublishingError
├── DatabaseUnavailable      cannot be opened, reached or written; the path or host is named
├── SchemaMismatch           the database's schema is older or newer than this code
├── InvalidPublication       rows that break the contract, before anything is written
├── PublicationRefused       an audit refused it, or raised: nothing was published
├── LeaseHeld                another run holds the right to publish
├── LeaseLost                this run held it and was fenced: its work is void
├── CommitUnknown            the answer to COMMIT was lost and the database cannot be asked
├── NothingToWithdraw        the batch is unknown, unpublished or already withdrawn
└── UnknownView              there is no view of this name to export
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


class PublishingError(Exception):
    """Base of all expected failures in publishing."""


class DatabaseUnavailable(PublishingError):
    """The reporting database cannot be opened, reached or written. `place` is its path or host/database."""

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(f"reporting database {place}: {problem}; {remedy}")


class SchemaMismatch(PublishingError):
    """The database's schema revision is not the one this code writes."""

    def __init__(self, place: str, found: str | None, expected: str) -> None:
        self.place = place
        self.found = found
        self.expected = expected
        if found is None:
            said = (
                "has no published schema yet; the first `vitals run` makes it, and so does `vitals migrate`"
            )
        else:
            said = (
                f"is at schema revision {found}, this code writes revision {expected}; upgrade it (`vitals migrate`) "
                "or run the version of Vitals it was made by"
            )
        super().__init__(f"reporting database {place} {said}")


class InvalidPublication(PublishingError):
    """A publication that breaks the contract. `problems` holds all of them."""

    def __init__(self, publication_id: str, problems: list[str]) -> None:
        self.publication_id = publication_id
        self.problems = problems
        shown = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        super().__init__(f"publication {publication_id} is not valid, nothing was written: {shown}")


class PublicationRefused(PublishingError):
    """An audit on the staged rows failed or raised. `checks` names the checks."""

    def __init__(self, publication_id: str, checks: list[str], detail: str) -> None:
        self.publication_id = publication_id
        self.checks = checks
        super().__init__(
            f"publication {publication_id} was refused by {', '.join(checks)}: {detail}; "
            "the last publication stays, mend the cause and run again"
        )


class LeaseHeld(PublishingError):
    """Another run holds the publisher's lease."""

    def __init__(self, holder: str, expires_at: datetime) -> None:
        self.holder = holder
        self.expires_at = expires_at
        super().__init__(
            f"run {holder} holds the right to publish until {expires_at:%Y-%m-%d %H:%M:%S} UTC; "
            "wait for it, or take over once you know it is dead"
        )


class LeaseLost(PublishingError):
    """This run's lease was taken over by a later one; whatever it computed must not be published."""

    def __init__(self, holder: str, token: int, current_holder: str, current_token: int) -> None:
        self.holder = holder
        self.token = token
        self.current_holder = current_holder
        self.current_token = current_token
        super().__init__(
            f"run {holder} (fencing token {token}) lost the right to publish to run {current_holder} "
            f"(token {current_token}); its results are void, start a new run"
        )


class CommitUnknown(PublishingError):
    """The connection broke while committing and the database cannot be asked whether it did."""

    def __init__(self, publication_id: str, place: str) -> None:
        self.publication_id = publication_id
        self.place = place
        super().__init__(
            f"publication {publication_id}: the connection to {place} broke in COMMIT, it is out of reach; "
            "publish the same publication again: it is recognised by its id and never applied twice"
        )


class NothingToWithdraw(PublishingError):
    """The batch to withdraw is unknown, or not published."""

    def __init__(self, batch_id: int, state: str | None) -> None:
        self.batch_id = batch_id
        self.state = state
        found = "does not exist" if state is None else f"is {state}"
        super().__init__(
            f"batch {batch_id} {found}; only a published batch can be withdrawn (see kpi.publications)"
        )


class UnknownView(PublishingError):
    """There is no such view. `known` are those there are."""

    def __init__(self, view: str, known: Iterable[str]) -> None:
        self.view = view
        self.known = tuple(sorted(known))
        super().__init__(f"there is no view {view!r}; kpi.published_columns lists all")
