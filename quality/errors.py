"""What can go wrong in the quality room itself (a failed check is a result, never an exception)."""

from __future__ import annotations

from pathlib import Path


class QualityError(Exception):
    """Base of everything this room raises."""


class SuiteError(QualityError):
    """A hand-written suite that cannot be read; ``file`` says where."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem
