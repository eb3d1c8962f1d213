"""Living with a broken file: the last good text of it stays in force, what it breaks is held back, and it is told.

    installation = load_tolerantly(workspace)
    installation.broken          # which files, at which line, and which metrics are held

Dagster loads its definitions this way, so that one bad edit neither takes the UI away nor stops the company's numbers;
the command line refuses instead, because a person is looking. Each time everything loads, its texts are kept in
`<home>/last_good`. A broken file is replaced by its last good text; where there is none it is left out, and so is what
cannot load without it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from connectors.config import load_source
from connectors.errors import ConfigurationError
from connectors.files_io import write_durably
from definitions import CatalogueError, load_catalogue
from definitions.errors import Problem
from definitions.loading import load_texts, read_folder
from definitions.model import Catalogue
from pipelines.installation import Installation
from pipelines.steps.sources import SourceInstance, load_sources
from pipelines.workspace import Workspace
from quality import CheckResult, Dimension, Severity

Texts = Mapping[str, bytes]
DICTIONARY = "dictionary"
CHECK = "dictionary.loads"


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that cannot be read as it is.

    Attributes:
        file: relative to the dictionary's folder, or ``sources/<name>.yml`` of the source instances.
        line: where its first problem is.
        problems: each with place, what was found, and what to do.
        metrics: metrics of the dictionary whose last values are held.
        is_replaced: its last good text is in force; False: it is left out.
    """

    file: str
    line: int
    problems: tuple[str, ...]
    metrics: tuple[str, ...]
    is_replaced: bool


def load_tolerantly(workspace: Workspace) -> Installation:
    """The installation as far as it can be loaded, with what is broken.

    Raises:
        CatalogueError: nothing can be loaded, not even with the last good texts; holds every problem.
        ConnectorError: a source instance is broken, and was never good.
        StagingError: a staging model is broken.
    """
    good = workspace.home / "last_good"
    catalogue, broken = _catalogue(workspace, good / "catalogue")
    sources, broken_sources = _sources(workspace, good / "sources")
    installation = Installation.of(workspace, catalogue, sources)
    if not broken:
        _remember(read_folder(workspace.catalogue), good / "catalogue")
    if not broken_sources and workspace.sources.is_dir():
        _remember(_source_texts(workspace.sources), good / "sources")
    return replace(installation, broken=(*broken, *broken_sources))


# ── the dictionary ──────────────────────────────────────────────────────────────────────────────────────────


def _catalogue(workspace: Workspace, folder: Path) -> tuple[Catalogue, tuple[BrokenFile, ...]]:
    try:
        return load_catalogue(workspace.catalogue), ()
    except CatalogueError as error:
        if not workspace.catalogue.is_dir():
            raise
        texts, good = read_folder(workspace.catalogue), _kept(folder)
        catalogue, used = _mended(error, texts, good, workspace.catalogue)
        return catalogue, _broken(error.problems, texts, good, used, catalogue)


def _mended(error: CatalogueError, texts: Texts, good: Texts, root: Path) -> tuple[Catalogue, Texts]:
    """The catalogue without its broken files, or with their last good texts; and the texts that made it."""
    used, problems, looked_at = dict(texts), error.problems, set[str]()
    while True:
        bad = {problem.location.file for problem in problems} & set(used) - looked_at
        if bad:
            looked_at |= bad
            for name in bad:
                if name not in good:
                    del used[name]
                else:
                    # An unchanged file breaks because another does: mending that one mends it too.
                    used[name] = good[name]
        elif good and used != good:
            used = dict(good)
        else:
            raise error
        try:
            catalogue = load_texts(used, root=root)
        except CatalogueError as remaining:
            problems = remaining.problems
            continue
        if not (catalogue.metrics and catalogue.sources and catalogue.teams):
            raise error  # numbers without sources, or without anybody who answers for them, are not "the rest"
        return catalogue, used


def _broken(
    problems: tuple[Problem, ...], texts: Texts, good: Texts, used: Texts, catalogue: Catalogue
) -> tuple[BrokenFile, ...]:
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.location.file, []).append(problem)
    at_fault = {name for name in by_file if texts.get(name) != good.get(name)} or set(by_file)
    return tuple(
        BrokenFile(
            file=name,
            line=max(found[0].location.line, 1),
            problems=tuple(str(problem) for problem in found),
            metrics=_held(name, found, catalogue),
            is_replaced=name in used,
        )
        for name, found in sorted(by_file.items())
        if name in at_fault
    )


def _held(file: str, problems: list[Problem], catalogue: Catalogue) -> tuple[str, ...]:
    """The metrics that problems are about; every metric of the file where one is about the file itself."""
    here = {name for name, metric in catalogue.metrics.items() if metric.location.file == file}
    named = {problem.path[0] for problem in problems if problem.path}
    return tuple(sorted(here & named if all(problem.path for problem in problems) else here))


# ── source instances ────────────────────────────────────────────────────────────────────────────────────────


def _sources(workspace: Workspace, folder: Path) -> tuple[tuple[SourceInstance, ...], tuple[BrokenFile, ...]]:
    try:
        return load_sources(workspace), ()
    except ConfigurationError:
        texts, good = _source_texts(workspace.sources), _kept(folder)
        broken = _broken_sources(workspace.sources, texts)
        # A source must never be left out: its tables would be empty, and the numbers on them wrong.
        if not broken or any(one.file.removeprefix("sources/") not in good for one in broken):
            raise
        names = {one.file.removeprefix("sources/") for one in broken}
        with tempfile.TemporaryDirectory() as scratch:
            for name, text in texts.items():
                (Path(scratch) / name).write_bytes(good[name] if name in names else text)
            return load_sources(replace(workspace, sources=Path(scratch))), broken


def _broken_sources(folder: Path, texts: Texts) -> tuple[BrokenFile, ...]:
    found = []
    for name in sorted(texts):
        try:
            load_source(folder / name)
        except ConfigurationError as error:
            found.append(BrokenFile(f"sources/{name}", 1, (str(error),), (), True))
    return tuple(found)


def _source_texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml")))}


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────


def _kept(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.y*ml"))
        if path.is_file()
    }


def _remember(texts: Texts, folder: Path) -> None:
    """Keep texts that load; only what differs is written, and a home that cannot be written is no failure here."""
    kept = _kept(folder)
    try:
        for name in kept.keys() - texts.keys():
            (folder / name).unlink(missing_ok=True)
        for name, text in texts.items():
            if kept.get(name) != text:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                write_durably(folder / name, text)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


# ── how it is told ──────────────────────────────────────────────────────────────────────────────────────────


def check_of_files(broken: tuple[BrokenFile, ...], now: datetime) -> CheckResult:
    """The broken files as a check: an error that holds the metrics concerned, a warning where none is."""
    metrics = tuple(sorted({metric for one in broken for metric in one.metrics}))
    first = broken[0].problems[0] if broken else ""
    more = sum(len(one.problems) for one in broken) - 1
    return CheckResult(
        check_id=CHECK,
        asset=DICTIONARY,
        source_system="",
        metric_ids=metrics,
        dimension=Dimension.SCHEMA,
        severity=Severity.ERROR if metrics else Severity.WARN,
        passed=not broken,
        rows_checked=None,
        rows_failed=None,
        observed=None,
        threshold=None,
        message=(first + (f" (and {more} more)" if more > 0 else "")) if broken else "every file loads",
        blocks_publish=False,
        checked_at=now,
        details={metric: one.problems[0] for one in broken for metric in one.metrics},
    )
