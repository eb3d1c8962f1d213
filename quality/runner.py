"""The judge: one ephemeral Great Expectations context for a whole run.

Great Expectations takes seconds of CPU and hundreds of megabytes to import, so it is imported when a `Judge`
is made and never before. It judges small frames only: a summary with one row per table (measured inside the
engine, see `quality.pushdown`), a frame with one row per metric, or the few columns of an expectation that has
no pushed-down form.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .checks import Check

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that was measured for a check, and the interval it must lie in (None: no limit)."""

    name: str
    number: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said about one thing; ``raised`` is the reason when nothing could be said."""

    passed: bool
    raised: str | None = None
    rows_checked: int | None = None
    rows_failed: int | None = None
    observed: float | None = None
    failing: tuple[Mapping[str, object], ...] = ()


def preload() -> None:
    """Import Great Expectations now, so that the first check does not wait for it.

    The import costs seconds of CPU; a run calls this in a thread while it waits for vendors.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations  # noqa: F401


class Judge:
    """``Judge().numbers("crm.accounts", [Measured("key.unique", 0, 0, 0)])`` → ``[Verdict(passed=True)]``.

    Never raises for what a check does: an exception inside Great Expectations is a failed verdict with its
    reason, so whoever reads the verdicts fails closed.
    """

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        with contextlib.redirect_stderr(io.StringIO()):
            self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        # One asset for all frames: each one added has the whole context written out again.
        frames = self._context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._frame = frames.add_batch_definition_whole_dataframe("whole")

    def numbers(self, asset: str, measured: Sequence[Measured]) -> list[Verdict]:
        """Judge measured numbers of one asset, in the order given."""
        known = [one for one in measured if one.number is not None]
        import pandas as pd  # slow to import, and only a run needs it

        frame = pd.DataFrame({f"c{i}": [one.number] for i, one in enumerate(known)})
        suite = [
            self._expectation(
                "expect_column_max_to_be_between",
                {"column": f"c{i}", "min_value": one.low, "max_value": one.high},
                one.name,
            )
            for i, one in enumerate(known)
        ]
        said = self._validate(asset, frame, suite)
        nothing = Verdict(False, observed=None)
        return [
            nothing if one.number is None else _verdict(said.get(one.name, "was not judged"))
            for one in measured
        ]

    def rows(self, asset: str, frame: pd.DataFrame, rules: Sequence[str], key: str) -> dict[str, Verdict]:
        """Judge a frame with one row per ``key`` and one column of counted violations per rule: all zero.

        ``failing`` of a verdict holds ``{key: …, rule: count}`` for the rows that are not.
        """
        suite = [
            self._expectation(
                "expect_column_values_to_be_between",
                {"column": rule, "min_value": 0, "max_value": 0},
                rule,
            )
            for rule in rules
        ]
        said = self._validate(asset, frame[[key, *rules]], suite, [key])
        return {rule: _verdict(said.get(rule, "was not judged")) for rule in rules}

    def frame(self, check: Check, frame: pd.DataFrame, key: Sequence[str]) -> Verdict:
        """Judge one expectation, whatever its type, on pulled columns."""
        suite = [self._expectation(check.expect, dict(check.kwargs), check.check_id)]
        said = self._validate(check.table, frame, suite, list(key))
        return _verdict(said.get(check.check_id, "was not judged"))

    def _expectation(self, kind: str, kwargs: dict[str, Any], name: str) -> Any:
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        return ExpectationConfiguration(type=kind, kwargs=kwargs, meta={"check": name})

    def _validate(
        self, asset: str, frame: pd.DataFrame, suite: list[Any], index: list[str] | None = None
    ) -> dict[str, Any]:
        """Results by check name; where the whole validation raises, every check gets the reason."""
        result_format: dict[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 5}
        if index:
            result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": index}
        names = [one.meta["check"] for one in suite]
        if not suite:
            return {}
        try:
            batch = self._frame.get_batch(batch_parameters={"dataframe": frame})
            expected = self._gx.ExpectationSuite(name=asset, expectations=suite)
            validation: ExpectationSuiteValidationResult = batch.validate(
                expected, result_format=result_format
            )
            return {_name(one): one for one in validation.results}
        except Exception as problem:
            return dict.fromkeys(names, f"{type(problem).__name__}: {problem}")


def _name(result: Any) -> str:
    return str(result.expectation_config.meta["check"])


def _verdict(said: Any) -> Verdict:
    if isinstance(said, str):
        return Verdict(False, raised=said)
    trouble = said.exception_info or {}
    causes = [trouble] if "raised_exception" in trouble else list(trouble.values())
    for cause in causes:
        if cause.get("raised_exception"):
            return Verdict(False, raised=str(cause.get("exception_message")))
    result = said.result
    observed = result.get("observed_value")
    return Verdict(
        passed=bool(said.success),
        rows_checked=result.get("element_count"),
        rows_failed=result.get("unexpected_count"),
        observed=float(observed) if isinstance(observed, int | float) else None,
        failing=tuple(result.get("unexpected_index_list") or ()),
    )
