"""What can be wrong with a definition, and how it is told: code, place, offending text, path, nearest name, hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .error_codes import REFUSALS
from .model.basics import NOWHERE, Location

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    ``code`` names the rule (``UNKNOWN_COLUMN``), ``text`` is what was found, ``path`` how it was reached
    (metric, part, part of the part), ``suggestion`` the nearest valid name, ``hint`` what to do next.
    """

    code: str
    message: str
    location: Location = NOWHERE
    text: str = ""
    path: tuple[str, ...] = ()
    suggestion: str | None = None
    hint: str = ""

    def __post_init__(self) -> None:
        if not self.hint and self.code in REFUSALS:
            object.__setattr__(self, "hint", REFUSALS[self.code].hint)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location.file else ""
        via = f" [{' → '.join(self.path)}]" if self.path else ""
        meant = f" Did you mean {self.suggestion!r}?" if self.suggestion else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{self.code}: {self.message}{via}{meant}{hint}"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        return (self.location.file, self.location.line, self.location.column, self.code, self.message)


class DefinitionsError(Exception):
    """Base of everything this room raises on purpose."""


class CatalogueError(DefinitionsError):
    """A folder of definitions that cannot be used as it is; ``problems`` holds every one found, in file order."""

    subject = "definitions"

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = dict.fromkeys(problems)
        self.problems: tuple[Problem, ...] = tuple(sorted(unique, key=lambda problem: problem.sort_key))
        super().__init__(self._summary())

    def _summary(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'' if count == 1 else 's'} in the {self.subject}"]
        lines += [f"  {problem}" for problem in self.problems[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"  … and {count - _SHOWN} more")
        return "\n".join(lines)


class CompileError(CatalogueError):
    """Definitions that load, but ask for something that has no single meaning (a join that would fan out)."""


class QueryError(CatalogueError):
    """A query that names what is not there, or asks for what cannot be answered."""

    subject = "query"


def unknown(kind: str, name: str, valid: Iterable[str], location: Location, *path: str) -> Problem:
    """A name that refers to nothing."""
    return Problem(
        f"UNKNOWN_{kind.upper()}",
        f"there is no {kind} {name!r}",
        location,
        name,
        path,
        nearest(name, valid),
        f"There are: {listing(valid)}." if valid else f"No {kind} is defined.",
    )


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to ``name``, when one is close."""
    found = difflib.get_close_matches(name, sorted(set(valid)), n=1, cutoff=0.6)
    return found[0] if found else None


def listing(names: Sequence[str] | Iterable[str], limit: int = 8) -> str:
    """Names for an error message: sorted, cut after ``limit``."""
    ordered = sorted(set(names))
    shown = ", ".join(ordered[:limit])
    return shown if len(ordered) <= limit else f"{shown}, … ({len(ordered)} in all)"
