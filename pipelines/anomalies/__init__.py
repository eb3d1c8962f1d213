"""Anomalies: which values are odd, since when, why, and what to do first.

    found = flag_values([12, 14, 11, ...], kind="count", start=date(2025, 1, 1))     # arrays in, flags out
    found.flags, found.kinds, found.lower, found.upper

    batch = SeriesBatch.of(values, "count", start=date(2025, 1, 1), holidays=holidays)
    for flag in flags_of(detect(batch)):
        print(flag.period_start, flag.kind, flag.explanation)

`series` says what the detector reads, `families` how each kind of series varies, `model` what is expected, `walk` how
a block of series is tested, `flags` what comes out. `assemble` does all of it for a dictionary and its values,
`backtest` replays the past, `rootcause` and `drivers` explain, `feedback` is what people say, `charts` draws.
"""

from .arrays import Flagged, flag_values
from .backtest import Backtest, backtest
from .charts import Annotation, BandPoint, band_chart_spec, render_png, render_svg
from .detector import DETECTOR, DETECTOR_VERSION, Detection, detect
from .feedback import Feedback, FeedbackVerdict
from .flags import Effect, Flag, Severity, flags_of
from .series import Better, CalendarMark, Kind, SeriesBatch

__all__ = [
    "DETECTOR",
    "DETECTOR_VERSION",
    "Annotation",
    "Backtest",
    "BandPoint",
    "Better",
    "CalendarMark",
    "Detection",
    "Effect",
    "Feedback",
    "FeedbackVerdict",
    "Flag",
    "Flagged",
    "Kind",
    "SeriesBatch",
    "Severity",
    "backtest",
    "band_chart_spec",
    "detect",
    "flag_values",
    "flags_of",
    "render_png",
    "render_svg",
]
