"""Data Docs: the check results as Great Expectations' own static site, for those who know their way around it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from definitions.model import Catalogue

from .checks import OWN_TYPES, Check
from .contracts import contracts
from .results import CheckResult, Severity
from .suites import SHIPPED, generated_suite, load_suites


def build_data_docs(
    catalogue: Catalogue, results: Sequence[CheckResult], folder: Path, *, now: datetime
) -> Path:
    """Write the site into ``folder`` and return its ``index.html``.

    One suite per asset, each check as the expectation it is, with its counts; nothing is queried again. The
    pages fetch their style sheets from the network when opened, which is how Great Expectations makes them.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.core.batch import LegacyBatchDefinition
    from great_expectations.core.id_dict import IDDict
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.absolute()),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    with contextlib.redirect_stderr(io.StringIO()):
        context: Any = gx.get_context(mode="ephemeral")
    for name in list(context.get_site_names() or []):
        context.delete_data_docs_site(name)
    context.add_data_docs_site("checks", site)
    written = _checks(catalogue, now)
    run = RunIdentifier(run_name=now.strftime("%Y%m%dT%H%M%SZ"), run_time=now)
    for asset in sorted({result.asset for result in results}):
        of_asset = [result for result in results if result.asset == asset]
        expected = [_expectation(result, written.get(result.check_id)) for result in of_asset]
        context.suites.add(ExpectationSuite(name=asset, expectations=expected))
        batch = LegacyBatchDefinition(
            datasource_name=of_asset[0].source_system or "kpi",
            data_connector_name="vitals",
            data_asset_name=asset,
            batch_identifiers=IDDict({}),
        )
        failed = sum(not result.passed for result in of_asset)
        validation = ExpectationSuiteValidationResult(
            success=failed == 0,
            results=[_outcome(result, one) for result, one in zip(of_asset, expected, strict=True)],
            suite_name=asset,
            statistics={
                "evaluated_expectations": len(of_asset),
                "successful_expectations": len(of_asset) - failed,
                "unsuccessful_expectations": failed,
                "success_percent": 100 * (1 - failed / len(of_asset)),
            },
            meta={"run_id": run, "active_batch_definition": batch, "validation_time": now.isoformat()},
        )
        key = ValidationResultIdentifier(
            expectation_suite_identifier=ExpectationSuiteIdentifier(name=asset),
            run_id=run,
            batch_identifier=asset,
        )
        context.validation_results_store.set(key, validation)
    context.build_data_docs(site_names=["checks"])
    return folder / "index.html"


def _checks(catalogue: Catalogue, now: datetime) -> Mapping[str, Check]:
    settings, declared = catalogue.settings.quality, contracts(catalogue)
    written = load_suites([SHIPPED, catalogue.root / "quality"], declared, settings)
    generated = [
        check
        for one in declared.values()
        for check in generated_suite(one, settings, now, written.planned.get(one.table, ()))
    ]
    return {check.check_id: check for check in (*generated, *written.checks)}


def _expectation(result: CheckResult, check: Check | None) -> Any:
    """The expectation a result is about; what Great Expectations has no word for is shown as a sentence."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    meta = {"check": result.check_id, "severity": result.severity.value, "dimension": result.dimension.value}
    if check is None or check.expect in OWN_TYPES:
        return ExpectationConfiguration(
            type="unexpected_rows_expectation",
            kwargs={"unexpected_rows_query": "SELECT * FROM {batch}"},
            description=result.message,
            meta=meta,
        )
    return ExpectationConfiguration(type=check.expect, kwargs=dict(check.kwargs), meta=meta)


def _outcome(result: CheckResult, expectation: Any) -> Any:
    from great_expectations.core import ExpectationValidationResult

    rows, failed = result.rows_checked or 0, result.rows_failed
    said: dict[str, Any] = {"observed_value": result.observed}
    if failed is not None:
        said = {
            "element_count": rows,
            "unexpected_count": failed,
            "unexpected_percent": 100 * failed / rows if rows else 0.0,
            "missing_count": 0,
            "missing_percent": 0.0,
            "partial_unexpected_list": [", ".join(str(v) for v in key.values()) for key in result.sample],
        }
    trouble = {
        "raised_exception": result.raised,
        "exception_message": result.message if result.raised else None,
        "exception_traceback": None,
    }
    return ExpectationValidationResult(
        success=result.passed or result.severity is Severity.WARN,
        expectation_config=expectation,
        result=said,
        exception_info=trouble,
    )
