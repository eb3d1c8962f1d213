"""Trust: whether what was loaded and computed may be published.

::

    from quality import decide, run_staging_checks, run_value_checks

    staging = run_staging_checks(catalogue, warehouse.query, row_counts=last_counts, now=now)
    values = run_value_checks(catalogue, kpi_values, previous=last_values, now=now)
    decision = decide([*staging, *values], catalogue)
    decision.publish     # False: keep the last publication whole; decision.reasons say why
    decision.blocked     # KPI → why its new value is held back (state "blocked", last good value kept)
    decision.flagged     # KPI → warnings it is published with

- `run_staging_checks(catalogue, query, *, row_counts=None, now, dialect="duckdb", judge=None, tables=None)
  -> list[CheckResult]`: contracts, volumes and hand-written suites on the staging tables. ``query`` runs one
  SELECT and returns Arrow; ``row_counts`` are rows per table in the last good run.
- `run_value_checks(catalogue, values, *, previous=None, now, judge=None) -> list[CheckResult]`: the computed KPI
  value frame (Arrow, see the architecture notes); ``previous`` is the same frame of the last good run.
- `run_published_checks(catalogue, computed, staged, *, published=None, held_back=(), now, judge=None)
  -> list[CheckResult]`: what is staged (and what stays published as it is) is what was computed.
- `decide(results, catalogue) -> GateDecision`: pure.
- `freshness_results(catalogue, states, now) -> list[tuple[FreshnessResult, CheckResult]]`: how late each asset
  is, from one `LoadState` per staging table.
- `build_data_docs(catalogue, results, folder, *, now) -> Path`: the results as Great Expectations' static site.

None of them raises because of what it finds: a check that cannot be carried out is a failed result that holds
the publication. Great Expectations is imported on first use; pass one `Judge` to both runs to make one context.
"""

from .computed import run_value_checks
from .data_docs import build_data_docs
from .errors import QualityError, SuiteError
from .freshness import LoadState, freshness_results
from .gate import GateDecision, decide
from .published import run_published_checks
from .results import CheckResult, Dimension, FreshnessResult, Severity
from .runner import Judge
from .staging import run_staging_checks

__all__ = [
    "CheckResult",
    "Dimension",
    "FreshnessResult",
    "GateDecision",
    "Judge",
    "LoadState",
    "QualityError",
    "Severity",
    "SuiteError",
    "build_data_docs",
    "decide",
    "freshness_results",
    "run_published_checks",
    "run_staging_checks",
    "run_value_checks",
]
