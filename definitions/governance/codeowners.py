"""CODEOWNERS from the owners in the dictionary, so that a code host asks those who answer for a definition.

The lines stand between two marks; what people write around them stays. A host knows files, not metrics: a file with
metrics of several teams names them all. On GitHub the approval of any one of them is enough, so keep a file to a team;
on GitLab each team is a section of its own, and each must approve.
Source: the code owners documentation of GitHub and of GitLab; dictionary rules, 'Files' (who approves which file).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from definitions.governance.flow import stewards_of
from definitions.model import Catalogue

BEGIN = "# >>> vitals governance codeowners: made from the owners in the dictionary, do not edit by hand"
END = "# <<< vitals governance codeowners"
_BLOCK = re.compile(rf"^{re.escape(BEGIN)}$.*?^{re.escape(END)}$\n?", re.MULTILINE | re.DOTALL)


class Host(StrEnum):
    """Where the repository is: the two read the same patterns, and ask for approvals in different ways."""

    GITHUB = "github"
    GITLAB = "gitlab"


def codeowners(catalogue: Catalogue, *, prefix: str, host: Host = Host.GITHUB) -> str:
    """The lines for a catalogue in the folder ``prefix`` of a repository, marks included.

    Later lines win, so the folder comes first and its files after it. Who has neither a handle nor an address is left
    out; a file without anybody belongs to the stewards.
    """
    folder = f"/{prefix.strip('/')}/" if prefix.strip("/.") else "/"
    files = _teams_of_files(catalogue)
    rest = _stewards(catalogue)
    lines = [BEGIN]
    if host is Host.GITHUB:
        lines += [_line(folder, rest)]
        for file, teams in sorted(files.items()):
            owners = [handle for team in sorted(teams) for handle in _handles(catalogue, team, teams[team])]
            lines.append(_line(folder + file, owners or rest))
    else:
        lines += ["[Dictionary]", _line(folder, rest)]
        by_team: dict[str, list[str]] = defaultdict(list)
        for file, teams in sorted(files.items()):
            for team, people in sorted(teams.items()):
                owners = _handles(catalogue, team, people)
                if owners:
                    by_team[team].append(_line(folder + file, owners))
        for team, owned in sorted(by_team.items()):
            lines += [f"[{catalogue.teams[team].name if team in catalogue.teams else team}]", *owned]
    return "\n".join([*lines, END]) + "\n"


def in_file(existing: str, block: str) -> str:
    """The text of a CODEOWNERS file with the block in place of the old one, or at its end."""
    if _BLOCK.search(existing):
        return _BLOCK.sub(lambda _: block, existing, count=1)
    gap = "" if not existing else "\n" if existing.endswith("\n") else "\n\n"
    return f"{existing}{gap}{block}"


def _teams_of_files(catalogue: Catalogue) -> Mapping[str, Mapping[str, set[str]]]:
    """By file of the catalogue: the teams that answer for what is in it, with the people who do so for them."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for metric in catalogue.metrics.values():
        found[metric.location.file][metric.owner.team].add(metric.owner.accountable)
    for source in catalogue.sources.values():
        team = source.owner
        if team in catalogue.people:
            found[source.location.file][catalogue.people[team].team or team].add(team)
        else:
            found[source.location.file][team].update(())
    for cycle in catalogue.cycles:
        for objective in cycle.objectives:
            found[objective.location.file][objective.team].add(objective.owner)
    for target in catalogue.targets:
        owner = catalogue.metrics[target.metric].owner
        found[target.location.file][owner.team].add(owner.accountable)
    found.pop("", None)
    return found


def _handles(catalogue: Catalogue, team: str, people: Iterable[str]) -> list[str]:
    """How a code host knows a team: by its handle, else by its people who answer; its lead where there are none."""
    known = catalogue.teams.get(team)
    if known is not None and known.handle:
        return [known.handle]
    asked = sorted(people) or ([known.lead] if known is not None else [])
    return [handle for person in asked if (handle := _handle(catalogue, person))]


def _handle(catalogue: Catalogue, person: str) -> str | None:
    known = catalogue.people.get(person)
    return None if known is None or not known.active else known.handle or known.email


def _stewards(catalogue: Catalogue) -> list[str]:
    """Who is asked about everything else: the stewards, else the lead of the company."""
    asked = list(stewards_of(catalogue)) or [
        team.lead for team in catalogue.teams.values() if team.level == "company"
    ]
    return [handle for person in asked if (handle := _handle(catalogue, person))]


def _line(pattern: str, owners: Iterable[str]) -> str:
    return " ".join([pattern.replace(" ", "\\ "), *dict.fromkeys(owners)])
