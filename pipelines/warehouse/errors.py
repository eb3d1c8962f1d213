"""What can go wrong with a warehouse, said so that the reader knows what to do."""

from __future__ import annotations


class WarehouseError(Exception):
    """A warehouse could not do what it was asked.

    Attributes:
        problem: what was found.
        hint: what to do about it.
    """

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(f"{problem}: {hint}")
        self.problem = problem
        self.hint = hint
