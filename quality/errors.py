"""What can go wrong in the quality room itself (a failed check is a result, never an exception)."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError


class QualityError(Exception):
    """Base of everything this room raises."""


class SuiteError(QualityError):
    """A hand-written suite that cannot be read; ``file`` says where."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem

    @classmethod
    def of(cls, file: Path, problem: Exception) -> SuiteError:
        """From what a reader or validator raised: one line, with the path to each wrong place."""
        if isinstance(problem, ValidationError):
            told = [
                f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
                for one in problem.errors(include_url=False, include_input=False, include_context=False)
            ]
            return cls(file, "; ".join(told))
        return cls(file, " ".join(str(problem).split()))
