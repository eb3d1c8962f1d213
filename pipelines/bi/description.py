"""What a dashboard is, tool apart: rows of charts over published views, read from `dashboards.yml`.

A chart is a number, a table, a line or a bar. Every view and column it names must be published; a wrong one is
told with the nearest that is. Values are never added up here: what a chart aggregates is one row per point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from definitions.errors import listing, nearest
from pipelines.publishing.views.kinds import column_kinds

SHIPPED = Path(__file__).parent / "dashboards.yml"
GRID_COLUMNS = 12


class BundleError(ValueError):
    """The description of the dashboards is wrong; names the file, the place and what to write."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(StrEnum):
    """How a chart is drawn."""

    NUMBER = "number"
    TABLE = "table"
    LINE = "line"
    BAR = "bar"


class Chart(_Part):
    """One chart over one view.

    `columns` and `order` (a leading `-` sorts down) are for tables; `x`, `y` and `by` (one line or colour per
    value of it) for lines and bars; `y` alone for a number. Without `y` rows are counted. `where` keeps the
    rows whose column has the value (or one of the values).
    """

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    view: str
    kind: Kind
    description: str = ""
    width: Annotated[int, Field(ge=1, le=GRID_COLUMNS)] = 4
    columns: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    x: str | None = None
    y: str | None = None
    by: tuple[str, ...] = ()
    where: dict[str, str | bool | tuple[str, ...]] = Field(default_factory=dict)
    format: str | None = None

    def named_columns(self) -> Iterator[str]:
        """Every column it mentions."""
        yield from self.columns
        yield from (name.removeprefix("-") for name in self.order)
        yield from (name for name in (self.x, self.y) if name)
        yield from self.by
        yield from self.where


class Row(_Part):
    """Charts side by side; twelve columns wide in all. `height` in Superset's units of 8 pixels."""

    charts: Annotated[tuple[Chart, ...], Field(min_length=1)]
    height: Annotated[int, Field(ge=8, le=120)] = 50


class Dashboard(_Part):
    """A page of charts. `filters` are columns people narrow the page by, each as `view.column`."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    description: str
    filters: tuple[str, ...] = ()
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    def charts(self) -> Iterator[Chart]:
        """All charts, row by row."""
        for row in self.rows:
            yield from row.charts


class Dashboards(_Part):
    """The whole description."""

    dashboards: Annotated[tuple[Dashboard, ...], Field(min_length=1)]

    def views(self) -> tuple[str, ...]:
        """Every view that a chart or a filter reads, sorted."""
        named = {chart.view for dashboard in self.dashboards for chart in dashboard.charts()}
        named |= {name.partition(".")[0] for dashboard in self.dashboards for name in dashboard.filters}
        return tuple(sorted(named))


def load_dashboards(path: Path = SHIPPED) -> Dashboards:
    """Read and check a description.

    Raises:
        BundleError: it cannot be read, does not fit, or names what is not published; all problems at once.
    """
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        described = Dashboards.model_validate(found)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise BundleError(f"{path} is no YAML: {error}") from error
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:5]
        )
        raise BundleError(f"{path}: {told}") from error
    problems = list(_problems(described))
    if problems:
        raise BundleError(f"{path}: " + "; ".join(problems[:10]))
    return described


def _problems(described: Dashboards) -> Iterator[str]:
    published = column_kinds()
    seen: set[str] = set()
    for dashboard in described.dashboards:
        for row in dashboard.rows:
            if sum(chart.width for chart in row.charts) > GRID_COLUMNS:
                names = ", ".join(chart.key for chart in row.charts)
                yield f"{dashboard.key}: {names} are wider than {GRID_COLUMNS} columns together"
        for chart in dashboard.charts():
            place = f"{dashboard.key}.{chart.key}"
            if chart.key in seen:
                yield f"{place}: there are two charts of this key"
            seen.add(chart.key)
            if chart.view not in published:
                yield f"{place}: {_unknown('view', chart.view, published)}"
                continue
            for name in chart.named_columns():
                if name not in published[chart.view]:
                    yield f"{place}: {_unknown('column', name, published[chart.view])}"
            yield from (f"{place}: {lack}" for lack in _lacks(chart))
        for name in dashboard.filters:
            view, _, column = name.partition(".")
            if column not in published.get(view, {}):
                yield f"{dashboard.key}: the filter {name!r} is no column of a published view"


def _lacks(chart: Chart) -> Iterator[str]:
    if chart.kind is Kind.TABLE and not chart.columns:
        yield "a table needs columns"
    if chart.kind in (Kind.LINE, Kind.BAR) and chart.x is None:
        yield f"a {chart.kind} needs x"


def _unknown(what: str, name: str, valid: Iterable[str]) -> str:
    near = nearest(name, valid)
    return f"there is no {what} {name!r}; " + (
        f"did you mean {near}?" if near else f"known: {listing(valid)}"
    )
