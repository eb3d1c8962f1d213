"""The dashboards as a bundle that Superset imports: database, datasets, charts and dashboards as YAML in a zip.

    write_bundle(Path("vitals-superset.zip"), "postgresql+psycopg2://bi@db.example.com/kpis")

The same description and URL give the same bytes, and every object the same UUID: importing a newer bundle over
an older one changes what is there and doubles nothing. A password in the URL is left out; Superset asks for it.
"""

from __future__ import annotations

import json
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import yaml

from pipelines.bi.description import (
    GRID_COLUMNS,
    SHIPPED,
    BundleError,
    Chart,
    Dashboard,
    Dashboards,
    Kind,
    load_dashboards,
)
from pipelines.publishing.schema.base import KPI
from pipelines.publishing.views import VIEWS
from pipelines.publishing.views.kinds import ColumnKind, column_kinds

ROOT = "vitals"
VERSION = "1.0.0"
MASKED = "XXXXXXXXXX"
"""What Superset writes for a password, and asks for when it finds it."""
_NAMESPACE = uuid.UUID("5f0f64f4-0c1b-5b0e-9a53-3f6f6c2a7d10")
_STAMP = (2026, 1, 1, 0, 0, 0)
_TYPES = {
    ColumnKind.NUMBER: "NUMERIC",
    ColumnKind.INTEGER: "BIGINT",
    ColumnKind.TEXT: "TEXT",
    ColumnKind.BOOLEAN: "BOOLEAN",
    ColumnKind.DATE: "DATE",
    ColumnKind.TIMESTAMP: "TIMESTAMP",
}
_TEMPORAL = (ColumnKind.DATE, ColumnKind.TIMESTAMP)
_VIZ = {
    Kind.NUMBER: "big_number_total",
    Kind.TABLE: "table",
    Kind.LINE: "echarts_timeseries_line",
    Kind.BAR: "echarts_timeseries_bar",
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """How much a bundle holds."""

    dashboards: int
    charts: int
    datasets: int


def write_bundle(path: Path, database_url: str, *, description: Path = SHIPPED) -> Bundle:
    """Write the zip file. `database_url` is how Superset reaches the reporting database.

    Raises:
        BundleError: the description or the URL is wrong, or the file cannot be written.
    """
    described = load_dashboards(description)
    documents = dict(bundle_documents(described, database_url))
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name in sorted(documents):
                entry = zipfile.ZipInfo(f"{ROOT}/{name}", _STAMP)
                entry.compress_type = zipfile.ZIP_DEFLATED
                text = yaml.safe_dump(documents[name], sort_keys=True, allow_unicode=True, width=120)
                bundle.writestr(entry, text)
    except OSError as error:
        raise BundleError(f"{path} cannot be written ({error.strerror})") from error
    charts = sum(1 for dashboard in described.dashboards for _ in dashboard.charts())
    return Bundle(len(described.dashboards), charts, len(described.views()))


def bundle_documents(described: Dashboards, database_url: str) -> Iterator[tuple[str, Document]]:
    """Every file of the bundle: its name below the root, and what it says.

    Raises:
        BundleError: the URL is none of SQLite or PostgreSQL.
    """
    url = _without_password(database_url)
    yield "metadata.yaml", {"version": VERSION, "type": "Dashboard", "timestamp": "2026-01-01T00:00:00+00:00"}
    yield "databases/vitals.yaml", _database(url)
    for view in described.views():
        yield f"datasets/vitals/{view}.yaml", _dataset(view, has_schemas=not url.startswith("sqlite"))
    for dashboard in described.dashboards:
        for chart in dashboard.charts():
            yield f"charts/{chart.key}.yaml", _chart(chart)
        yield f"dashboards/{dashboard.key}.yaml", _dashboard(dashboard)


def _uuid(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not parts.scheme.startswith(("sqlite", "postgresql")):
        raise BundleError(
            f"{parts.scheme or 'this'} is no URL of a reporting database; "
            "write postgresql+psycopg2://user@host/database or sqlite:////path/to/reporting.db"
        )
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}:{MASKED}@{host}"))


def _database(url: str) -> Document:
    return {
        "database_name": "Vitals",
        "sqlalchemy_uri": url,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "cache_timeout": None,
        "extra": {"allows_virtual_table_explore": True},
        "uuid": _uuid("database", "vitals"),
        "version": VERSION,
    }


def _dataset(name: str, *, has_schemas: bool) -> Document:
    view = next(view for view in VIEWS if view.name == name)
    kinds = column_kinds()[name]
    temporal = [column for column, kind in kinds.items() if kind in _TEMPORAL]
    return {
        "table_name": name,
        "schema": KPI if has_schemas else None,
        "description": view.comment,
        "main_dttm_col": temporal[0] if temporal else None,
        "filter_select_enabled": True,
        "columns": [
            {
                "column_name": column.name,
                "verbose_name": column.name.replace("_", " "),
                "description": column.comment,
                "type": _TYPES[kinds[column.name]],
                "is_dttm": kinds[column.name] in _TEMPORAL,
                "is_active": True,
                "groupby": True,
                "filterable": True,
            }
            for column in view.columns
        ],
        "metrics": [
            {
                "metric_name": "count",
                "verbose_name": "rows",
                "expression": "COUNT(*)",
                "metric_type": "count",
            }
        ],
        "uuid": _uuid("dataset", name),
        "version": VERSION,
        "database_uuid": _uuid("database", "vitals"),
    }


def _chart(chart: Chart) -> Document:
    query = _query(chart)
    params = _params(chart)
    context = {
        "datasource": {"id": 0, "type": "table"},  # the importer puts the dataset's own number here
        "force": False,
        "queries": [query],
        "form_data": params,
        "result_format": "json",
        "result_type": "full",
    }
    return {
        "slice_name": chart.title,
        "description": chart.description or None,
        "viz_type": _VIZ[chart.kind],
        "params": params,
        "query_context": json.dumps(context, sort_keys=True),
        "cache_timeout": None,
        "uuid": _uuid("chart", chart.key),
        "version": VERSION,
        "dataset_uuid": _uuid("dataset", chart.view),
    }


def _query(chart: Chart) -> Document:
    """What the chart asks the database; the same that its form would make."""
    query: Document = {
        "filters": [_filter(name, value) for name, value in chart.where.items()],
        "extras": {"having": "", "where": ""},
        "row_limit": chart.limit,
        "orderby": [],
        "columns": [],
        "metrics": None,  # an empty list would make Superset group rows that are shown as they are
        "is_timeseries": False,
    }
    if chart.kind is Kind.TABLE:
        orders = [[name.removeprefix("-"), not name.startswith("-")] for name in chart.order]
        return query | {"columns": list(chart.columns), "orderby": orders}
    query["metrics"] = [_measure(chart)]
    if chart.x is not None:
        query["columns"] = [_axis(chart), *chart.by]
        query["series_columns"] = list(chart.by)
    return query


def _axis(chart: Chart) -> Document:
    return {
        "columnType": "BASE_AXIS",
        "sqlExpression": chart.x,
        "label": chart.x,
        "expressionType": "SQL",
        "isColumnReference": True,
    }


def _measure(chart: Chart) -> Document | str:
    """Rows are counted; a value is the only one of its point, so that its greatest is it and nothing is added up."""
    if chart.y is None:
        return "count"
    return {
        "expressionType": "SIMPLE",
        "aggregate": "MAX",
        "column": {"column_name": chart.y, "type": _TYPES[column_kinds()[chart.view][chart.y]]},
        "label": chart.y,
        "hasCustomLabel": True,
        "optionName": f"metric_{chart.key}",
    }


def _filter(name: str, value: str | bool | tuple[str, ...]) -> Document:
    if isinstance(value, bool):
        return {"col": name, "op": "IS TRUE" if value else "IS FALSE"}
    values = [value] if isinstance(value, str) else list(value)
    return {"col": name, "op": "IN", "val": values}


def _params(chart: Chart) -> Document:
    """The chart's form, as Superset's editor shows it."""
    adhoc = [
        {
            "clause": "WHERE",
            "expressionType": "SIMPLE",
            "subject": one["col"],
            "operator": one["op"],
            "operatorId": one["op"].replace(" ", "_"),
            "comparator": one.get("val"),
            "filterOptionName": f"filter_{chart.key}_{one['col']}",
        }
        for one in (_filter(name, value) for name, value in chart.where.items())
    ]
    params: Document = {
        "viz_type": _VIZ[chart.kind],
        "adhoc_filters": adhoc,
        "row_limit": chart.limit,
        "extra_form_data": {},
        "annotation_layers": [],
    }
    if chart.kind is Kind.TABLE:
        orders = [json.dumps([name.removeprefix("-"), not name.startswith("-")]) for name in chart.order]
        params |= {
            "query_mode": "raw",
            "all_columns": list(chart.columns),
            "order_by_cols": orders,
            "server_page_length": 50,
            "show_cell_bars": False,
            "table_timestamp_format": "smart_date",
            "include_search": True,
        }
        return params
    if chart.kind is Kind.NUMBER:
        return params | {"metric": _measure(chart), "y_axis_format": chart.format or "SMART_NUMBER"}
    return params | {
        "metrics": [_measure(chart)],
        "groupby": list(chart.by),
        "x_axis": chart.x,
        "x_axis_sort_asc": True,
        "time_grain_sqla": None,
        "y_axis_format": chart.format or "SMART_NUMBER",
        "show_legend": True,
        "legendType": "scroll",
        "rich_tooltip": True,
        "stack": "Stack" if chart.kind is Kind.BAR else None,
        "show_empty_columns": True,
        "truncate_metric": True,
    }


def _dashboard(dashboard: Dashboard) -> Document:
    charts = list(dashboard.charts())
    numbers = {chart.key: number for number, chart in enumerate(charts, start=1)}
    rows = [f"ROW-{number}" for number in range(1, len(dashboard.rows) + 1)]
    position: Document = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": rows, "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": dashboard.title}},
    }
    for name, row in zip(rows, dashboard.rows, strict=True):
        position[name] = {
            "type": "ROW",
            "id": name,
            "children": [f"CHART-{chart.key}" for chart in row.charts],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for chart in row.charts:
            position[f"CHART-{chart.key}"] = {
                "type": "CHART",
                "id": f"CHART-{chart.key}",
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", name],
                "meta": {
                    "chartId": numbers[chart.key],
                    "uuid": _uuid("chart", chart.key),
                    "sliceName": chart.title,
                    "width": min(chart.width, GRID_COLUMNS),
                    "height": row.height,
                },
            }
    return {
        "dashboard_title": dashboard.title,
        "description": dashboard.description,
        "slug": f"vitals-{dashboard.key.replace('_', '-')}",
        "css": "",
        "published": True,
        "position": position,
        "metadata": {
            "color_scheme": "supersetColors",
            "cross_filters_enabled": True,
            "native_filter_configuration": [
                _native_filter(name, list(numbers.values())) for name in dashboard.filters
            ],
        },
        "uuid": _uuid("dashboard", dashboard.key),
        "version": VERSION,
    }


def _native_filter(name: str, charts: list[int]) -> Mapping[str, Any]:
    view, _, column = name.partition(".")
    return {
        "id": f"NATIVE_FILTER-{view}-{column}",
        "name": column.replace("_", " ").capitalize(),
        "filterType": "filter_select",
        "type": "NATIVE_FILTER",
        "targets": [{"datasetUuid": _uuid("dataset", view), "column": {"name": column}}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "chartsInScope": charts,
        "cascadeParentIds": [],
        "controlValues": {"multiSelect": True, "enableEmptyFilter": False, "defaultToFirstItem": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
    }
