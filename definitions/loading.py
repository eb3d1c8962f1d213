"""A folder of YAML → a checked `Catalogue`, or one `CatalogueError` that holds every problem found.

    catalogue = load_catalogue(Path("definitions/catalogue"))

Layout: ``sources/*.yml``, ``metrics/*.yml``, ``targets/*.yml``, ``objectives/*.yml`` (one per cycle),
``calendars.yml``, ``teams.yml``, ``settings.yml``. Only sources and metrics are required.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from definitions.calendars import parse_period
from definitions.errors import CatalogueError, Problem, listing, nearest
from definitions.model import (
    Calendar,
    Catalogue,
    Channel,
    Cycle,
    Direction,
    Location,
    Metric,
    Objective,
    Organisation,
    Person,
    Source,
    Target,
    Team,
)
from definitions.references import check_references
from definitions.schema.fields import Here, Shape
from definitions.schema.goals import CycleShape, ObjectiveShape, TargetShape, resolve_target, segment_of
from definitions.schema.metrics import METRIC_SHAPES, MetricShape
from definitions.schema.organisation import CalendarShape, ChannelShape, PersonShape, TeamShape
from definitions.schema.sources import SourceShape
from definitions.settings import Settings
from definitions.shape_problems import problem_of, section_keys, unknown_key
from definitions.yaml_reading import Document, read_yaml
from definitions.yaml_reading import Path as YamlPath

_FOLDERS = ("metrics", "objectives", "sources", "targets")
_FILES = ("calendars.yml", "settings.yml", "teams.yml")
SYSTEMS = "systems"
"""Folder that an installation may keep beside its definitions: the source instances, which connectors read."""
_MAX_FILES = 5_000
_COMPARISON = {Direction.INCREASE: "gte", Direction.DECREASE: "lte", Direction.WITHIN: "between"}
Built = TypeVar("Built")


def load_catalogue(folder: Path | str, *, check: bool = True) -> Catalogue:
    """Read a folder of definitions.

    ``check=False`` leaves the SQL of definitions unparsed (names and references are always checked).
    Raises CatalogueError with every problem, each with file:line:column.
    """
    root = Path(folder)
    if not root.is_dir():
        place = Location(str(root), 1, 1)
        raise CatalogueError([Problem("NO_CATALOGUE", f"{root} is no folder", place, str(root))])
    return load_texts(read_folder(root), root=root, check=check)


def read_folder(root: Path) -> dict[str, bytes]:
    """The definition files under ``root`` by relative path, sorted. Links out of the folder are not followed."""
    found: dict[str, bytes] = {}
    base = root.resolve()
    for path in sorted(root.rglob("*.y*ml")):
        relative = path.relative_to(root)
        if (
            path.suffix not in (".yml", ".yaml")
            or not path.is_file()
            or not path.resolve().is_relative_to(base)
        ):
            continue
        if any(part.startswith(".") for part in relative.parts) or relative.parts[0] == SYSTEMS:
            continue
        found[relative.as_posix()] = path.read_bytes()
        if len(found) > _MAX_FILES:
            message, place = (
                f"more than {_MAX_FILES:,} definition files under {root}",
                Location(str(root), 1, 1),
            )
            raise CatalogueError([Problem("TOO_MANY_FILES", message, place, str(root))])
    return found


def load_texts(
    texts: Mapping[str, str | bytes], *, root: Path | None = None, check: bool = True
) -> Catalogue:
    """A catalogue from texts by relative path (``{"metrics/support.yml": "metrics: …"}``)."""
    loader = _Loader()
    for name in sorted(texts):
        loader.add(read_yaml(texts[name], name))
    catalogue = loader.catalogue(root or Path())
    problems = loader.problems + check_references(catalogue)
    if check:
        from definitions.compiler.checking import check_expressions

        problems += check_expressions(catalogue, {problem.location for problem in problems})
    if problems:
        raise CatalogueError(problems)
    return catalogue


class _Loader:
    """Collects what the documents say, and what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sources: dict[str, Source] = {}
        self.metrics: dict[str, Metric] = {}
        self.calendars: dict[str, Calendar] = {}
        self.teams: dict[str, Team] = {}
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.target_shapes: list[tuple[TargetShape, Here]] = []
        self.cycles: dict[str, Cycle] = {}
        self.settings = Settings()

    def add(self, document: Document) -> None:
        """Take in one file; what it may hold follows from where it is."""
        self.problems += document.problems
        if document.problems and document.data is None:
            return
        kind = document.file.split("/")[0]
        if kind not in _FOLDERS and document.file not in _FILES:
            valid = [*(f"{folder}/" for folder in _FOLDERS), *_FILES]
            self._problem(
                "UNKNOWN_FILE",
                f"{document.file} is not a kind of definition",
                document,
                (),
                hint=f"Definitions are in {', '.join(valid)}.",
                suggestion=nearest(document.file, _FILES),
            )
            return
        if document.data is None:
            return
        if not isinstance(document.data, dict):
            self._problem("WRONG_SHAPE", f"{document.file} must be a map of lists", document, ())
            return
        match kind:
            case "sources":
                self._list(
                    document, "sources", lambda v, p: self._named(SourceShape, v, document, p, self.sources)
                )
            case "metrics":
                self._list(document, "metrics", lambda v, p: self._metric(v, document, p))
            case "targets":
                self._list(document, "targets", lambda v, p: self._target(v, document, p))
            case "objectives":
                self._cycle(document)
            case "calendars.yml":
                self._list(
                    document,
                    "calendars",
                    lambda v, p: self._named(CalendarShape, v, document, p, self.calendars),
                )
            case "teams.yml":
                self._keys(document, ("teams", "people", "channels"))
                kinds: tuple[tuple[str, Any, dict[str, Any]], ...] = (
                    ("teams", TeamShape, self.teams),
                    ("people", PersonShape, self.people),
                    ("channels", ChannelShape, self.channels),
                )
                for key, shape, named in kinds:
                    self._items(document, key, partial(self._take_named, shape, document, named))
            case "settings.yml":
                self._settings(document)

    def catalogue(self, root: Path) -> Catalogue:
        """What was collected, as one value, in sorted order."""
        if "company" not in self.calendars:
            self.calendars["company"] = Calendar("company")
        return Catalogue(
            root=root,
            sources=dict(sorted(self.sources.items())),
            metrics=dict(sorted(self.metrics.items())),
            calendars=dict(sorted(self.calendars.items())),
            organisation=Organisation(
                dict(sorted(self.teams.items())),
                dict(sorted(self.people.items())),
                dict(sorted(self.channels.items())),
            ),
            targets=self._targets(),
            cycles=tuple(sorted(self.cycles.values(), key=lambda cycle: (cycle.start, cycle.key))),
            settings=self.settings,
        )

    # ── kinds ───────────────────────────────────────────────────────────────────────────────────────────────

    def _list(self, document: Document, key: str, take: Callable[[Any, YamlPath], None]) -> None:
        self._keys(document, (key,))
        self._items(document, key, take)

    def _keys(self, document: Document, valid: tuple[str, ...]) -> None:
        for key in document.data:
            if key not in valid:
                self.problems.append(unknown_key(key, valid, document, (key,), ()))

    def _items(self, document: Document, key: str, take: Callable[[Any, YamlPath], None]) -> None:
        items = document.data.get(key)
        if items is None:
            return
        if not isinstance(items, list):
            self._problem(
                "WRONG_SHAPE",
                f"{key!r} must be a list",
                document,
                (key,),
                hint="Begin each entry with '- name:'.",
            )
            return
        for index, item in enumerate(items):
            take(item, (key, index))

    def _take_named(
        self, shape: Any, document: Document, into: dict[str, Any], value: Any, path: YamlPath
    ) -> None:
        self._named(shape, value, document, path, into)

    def _named(
        self, shape: Any, value: Any, document: Document, path: YamlPath, into: dict[str, Any]
    ) -> None:
        read = self._read(shape, value, document, path)
        if read is not None:
            self._insert(
                read.name, self._build(lambda: read.build(Here(document, path)), document, path), into
            )

    def _insert(self, name: str, built: Any, into: dict[str, Any]) -> None:
        if built is None:
            return
        if name in into:
            message = f"the name {name!r} is taken by {into[name].location}"
            self.problems.append(Problem("DUPLICATE_NAME", message, built.location, name, (name,)))
            return
        into[name] = built

    def _metric(self, value: Any, document: Document, path: YamlPath) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        shape: type[MetricShape] | None = METRIC_SHAPES.get(str(kind)) if isinstance(kind, str) else None
        if shape is None:
            name = value.get("name") if isinstance(value, dict) else None
            self._problem(
                "UNKNOWN_TYPE",
                f"the type {kind!r} is not a metric type" if kind else "a metric needs a type",
                document,
                (*path, "type"),
                text=str(kind or ""),
                path=(str(name),) if name else (),
                suggestion=nearest(str(kind or ""), METRIC_SHAPES),
                hint=f"Types: {', '.join(METRIC_SHAPES)}.",
            )
            return
        self._named(shape, value, document, path, self.metrics)

    def _target(self, value: Any, document: Document, path: YamlPath) -> None:
        read = self._read(TargetShape, value, document, path)
        if read is not None:
            self.target_shapes.append((read, Here(document, path)))

    def _cycle(self, document: Document) -> None:
        self._keys(document, ("cycle", "objectives"))
        if "cycle" not in document.data:
            self._problem(
                "MISSING_KEY", "the file needs a 'cycle'", document, (), hint="Give key, name, start, end."
            )
            return
        head = self._read(CycleShape, document.data["cycle"], document, ("cycle",))
        if head is None:
            return
        objectives: list[Objective] = []

        def take(value: Any, path: YamlPath) -> None:
            shape = self._read(ObjectiveShape, value, document, path)
            if shape is not None:
                built = self._build(lambda: shape.build(Here(document, path), head.key), document, path)
                if built is not None:
                    objectives.append(built)

        self._items(document, "objectives", take)
        here = Here(document, ("cycle",))
        cycle = self._build(lambda: head.build(here, tuple(objectives)), document, ("cycle",))
        self._insert(head.key, cycle, self.cycles)

    def _settings(self, document: Document) -> None:
        try:
            self.settings = Settings.model_validate(document.data)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                path = tuple(item["loc"])
                known = section_keys(path[:-1])
                text = str(path[-1]) if path else ""
                if item["type"] == "extra_forbidden":
                    self.problems.append(unknown_key(text, known, document, path, path[:-1]))
                else:
                    self._problem("WRONG_VALUE", item["msg"], document, path, path=tuple(map(str, path)))

    def _targets(self) -> tuple[Target, ...]:
        built: list[Target] = []
        seen: dict[tuple[Any, ...], Target] = {}
        for shape, here in self.target_shapes:
            metric = self.metrics.get(shape.metric)
            if metric is None:
                self.problems.append(_unknown_metric(shape.metric, self.metrics, here.at("metric")))
                continue
            calendar = self.calendars.get(metric.calendar) or Calendar("company")
            for label in shape.periods:
                place = here.at("periods", label)
                target = self._build(
                    partial(build_target, shape, metric, calendar, label, place),
                    here.document,
                    place.path,
                )
                if target is None:
                    continue
                key = (target.metric, target.segment, target.grain, target.period_start)
                if key in seen:
                    message = f"a second target of {target.metric} for {label}; the first is at {seen[key].location}"
                    path = (target.metric, "periods", label)
                    self.problems.append(Problem("DUPLICATE_TARGET", message, place.location, label, path))
                    continue
                seen[key] = target
                built.append(target)
        return tuple(sorted(built, key=lambda t: (t.metric, t.segment, t.grain, t.period_start)))

    # ── problems ────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, shape: Any, value: Any, document: Document, path: YamlPath) -> Any:
        context: dict[int, type[Shape]] = {}
        if not isinstance(value, dict):
            self._problem("WRONG_SHAPE", "a map of keys and values is expected here", document, path)
            return None
        try:
            return shape.read(value, context)
        except ValidationError as error:
            name = str(value.get("name") or value.get("key") or value.get("metric") or "")
            for item in error.errors(include_url=False):
                self.problems.append(problem_of(item, value, document, path, name, context))
            return None

    def _build(self, make: Callable[[], Built], document: Document, path: YamlPath) -> Built | None:
        """Run a builder; a ValueError becomes a problem at ``path``."""
        try:
            return make()
        except ValueError as error:
            self._problem("WRONG_VALUE", str(error), document, path)
            return None

    def _problem(
        self,
        code: str,
        message: str,
        document: Document,
        at: YamlPath,
        *,
        text: str = "",
        path: tuple[str, ...] = (),
        suggestion: str | None = None,
        hint: str = "",
    ) -> None:
        self.problems.append(
            Problem(
                code,
                message,
                document.locate(at),
                text or document.shown(at),
                path or tuple(str(part) for part in at),
                suggestion,
                hint,
            )
        )


def build_target(shape: TargetShape, metric: Metric, calendar: Calendar, label: str, here: Here) -> Target:
    """One period's target; ValueError where the period or the amount makes no sense."""
    period = parse_period(calendar, label)
    given = shape.periods[label]
    baseline = given.baseline.build() if given.baseline else None
    kind, number = given.target.spec() if given.target else ("absolute", None)
    band = (
        given.band.build() if given.band else (metric.band if metric.direction is Direction.WITHIN else None)
    )
    comparison = shape.comparison or _COMPARISON[metric.direction]
    if comparison == "between" and band is None:
        raise ValueError("a target 'between' needs a band (low and high)")
    if comparison != "between" and number is None:
        raise ValueError("the period needs a target")
    return Target(
        metric=shape.metric,
        segment=segment_of(shape.segment),
        grain=period.grain,
        period=label,
        period_start=period.start,
        period_end=period.last_day,
        comparison=comparison,
        target=resolve_target(kind, number, baseline, decreasing=metric.direction is Direction.DECREASE),
        stretch=given.stretch,
        band=band if comparison == "between" else None,
        amber_at=shape.amber_at if shape.amber_at is not None else metric.amber_at,
        red_at=shape.red_at if shape.red_at is not None else metric.red_at,
        baseline=baseline,
        spec=kind,
        spec_value=number,
        set_by=shape.set_by or metric.owner.accountable,
        set_on=shape.set_on,
        reason=given.reason or shape.reason,
        location=here.location,
    )


def _unknown_metric(name: str, metrics: Iterable[str], here: Here) -> Problem:
    return Problem(
        "UNKNOWN_METRIC",
        f"there is no metric {name!r}",
        here.location,
        name,
        suggestion=nearest(name, metrics),
        hint=f"Metrics: {listing(metrics)}.",
    )
