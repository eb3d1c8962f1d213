"""What the scoring rules refuse, and why."""

from __future__ import annotations


class ScoringError(Exception):
    """A definition that no rule can score.

    Attributes:
        code: stable name of the refusal, e.g. `direction_mismatch`.
    """

    code = "scoring_error"


class TargetError(ScoringError):
    """A target that contradicts its baseline, its direction or its metric."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class TreeError(ScoringError):
    """A driver tree that is no tree: a cycle, a missing metric, units that do not fit."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class CheckInError(ScoringError):
    """A check-in that cannot be taken; `field` is the one to mend."""

    code = "check_in"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
