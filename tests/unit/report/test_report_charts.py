"""Charts: what is drawn, for whom, and what is never lost."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

from pipelines.report.bands import with_expected_ranges
from pipelines.report.build import render_site
from pipelines.report.charts import Chart, Drawings, Mark, draw, metric_chart, progress_chart, sparkline
from pipelines.report.model import Annotation, Point, Progress, Unit
from tests.unit.report.company_report import NOW, PERCENT, company
from tests.unit.report.html_reading import ReadPage

START, END = date(2026, 10, 1), date(2026, 12, 31)


def points(*values: float | None, **more: object) -> list[Point]:
    return [
        Point(date(2026, 1, 1) + timedelta(days=i), date(2026, 1, 1) + timedelta(days=i), value, **more)  # type: ignore[arg-type]
        for i, value in enumerate(values)
    ]


def drawn(chart: Chart | None) -> str:
    """A chart as it stands in a page."""
    assert chart is not None
    return draw([chart])[0]


def filled(svg: str) -> int:
    """Dots and other filled shapes in the first of the two drawings."""
    return len(re.findall(r'<path transform=[^>]*fill="var\(--line\)"', svg.split("</svg>")[0]))


def test_a_chart_is_drawn_for_the_phone_and_for_the_desk() -> None:
    svg = drawn(metric_chart(points(1, 2, 3), PERCENT, "day"))
    assert svg.count("<svg") == 2
    assert 'class="chart wide"' in svg
    assert 'class="chart narrow"' in svg


def test_colours_are_those_of_the_page() -> None:
    svg = drawn(metric_chart(points(1, 2, 3, target=2.0, lower=0.5, upper=3.5), PERCENT, "day"))
    assert not re.findall(r"#[0-9a-fA-F]{3,6}|white|black", svg)


def test_too_few_values_are_no_chart() -> None:
    assert metric_chart(points(1, None), PERCENT, "day") is None
    assert sparkline(points(1, None)) is None
    assert sparkline([]) is None


def test_a_value_between_two_gaps_is_a_dot() -> None:
    whole = drawn(metric_chart(points(1, 2, 3, 4), PERCENT, "day"))
    gaps = drawn(metric_chart(points(1, 2, None, 3, None, 4), PERCENT, "day"))
    assert filled(whole) == 0
    assert filled(gaps) == 2  # the third, and the last one


def test_only_what_is_known_is_drawn() -> None:
    bare = drawn(metric_chart(points(1, 2, 3), PERCENT, "day"))
    full = drawn(
        metric_chart(
            points(1, 2, 3, target=2.0, lower=0.5, upper=3.5),
            PERCENT,
            "day",
            [Mark(date(2026, 1, 2), 2, "unfavourable")],
            [Annotation(None, date(2026, 1, 1), date(2026, 1, 1), "Launch", None)],
        )
    )
    for part in ("var(--band)", "var(--target)", "var(--bad)"):
        assert part not in bare
        assert part in full


def test_effects_have_shapes_of_their_own() -> None:
    def shape(effect: str) -> str:
        svg = drawn(metric_chart(points(1, 2, 3), PERCENT, "day", [Mark(date(2026, 1, 2), 2, effect)]))
        found = re.search(r'd="([^"]*)" fill="var\(--(?:good|bad|soft)\)"', svg)
        assert found is not None
        return found[1]

    assert len({shape("favourable"), shape("unfavourable"), shape("neutral")}) == 3


def test_a_hostile_unit_is_no_expression() -> None:
    hostile = Unit("currency", "'", "'", "0,0")
    assert "2%" not in drawn(metric_chart(points(1, 2, 3), hostile, "day"))


def test_the_first_day_of_a_key_result_is_already_a_chart() -> None:
    kr = company().objectives[0].key_results[1]
    first = replace(kr, history=(Progress(date(2026, 11, 20), 0.3, 0.55, 38.0, 0.8),))
    svg = drawn(progress_chart(first, START, END))
    assert filled(svg) == 1
    assert progress_chart(replace(kr, history=()), START, END) is None


def test_progress_far_below_its_start_stays_on_the_chart() -> None:
    kr = company().objectives[0].key_results[1]
    lost = replace(kr, history=(Progress(date(2026, 11, 20), -2.87, 0.55, 1.0, 0.1),))
    assert "−100%" in drawn(progress_chart(lost, START, END))


def test_an_axis_counts_in_the_unit_that_fits() -> None:
    seconds = Unit("duration_seconds", "seconds", None, "duration")
    euros = Unit("currency", "EUR", "EUR", "0,0")
    for values, unit, told in (
        ((86_400 * 3, 86_400 * 9), seconds, ("4 d", "8 d")),
        ((900, 1_500), seconds, ("20 min",)),
        ((1_200_000, 25_000_000), euros, ("€10M", "€20M")),
        ((12_000, 18_000), euros, ("€14k",)),
        ((0.2, 0.6), Unit("ratio", "ratio", None, "0.00"), ("0.4",)),
    ):
        svg = drawn(metric_chart(points(*values), unit, "day"))
        assert all(f">{label}<" in svg for label in told), (values, svg)


def test_charts_drawn_together_are_those_drawn_alone() -> None:
    several = [
        metric_chart(points(1, 2, 3), PERCENT, "day"),
        sparkline(points(3, 2, 1)),
        metric_chart(points(5, None, 7, target=6.0), Unit("count"), "month"),
        sparkline(points(1, 2)),
    ]
    charts = [one for one in several if one is not None]
    assert len(charts) == 4
    assert draw(charts) == [drawn(one) for one in charts]


def test_what_was_drawn_before_is_the_same_drawing() -> None:
    one, other = sparkline(points(1, 2)), metric_chart(points(1, 2), PERCENT, "day")
    first = Drawings()
    html = f"<p>{first.place(one)}</p>{first.place(other)}{first.place(one)}{first.place(None)}"
    first.draw()
    told = first.put_into(html)
    assert told.count('class="spark"') == 2
    assert "<!--" not in told
    again = Drawings({key: f"<svg>{len(svg)}</svg>" for key, svg in first.by_key().items()})
    html = f"{again.place(other)}"
    again.draw()
    assert again.put_into(html).startswith("<svg>")


# ── flags ───────────────────────────────────────────────────────────────────────────────────────────────────


def with_a_daily_flag():
    made = company()
    key = ("csat", "day", "region", "emea")
    flag = replace(
        made.anomalies[0],
        grain="day",
        period_start=date(2026, 4, 1),
        segment_dimension="region",
        segment_value="emea",
        lower=0.8,
        upper=0.95,
        root_cause=(
            {
                "dimension": "tier",
                "label": "tier: pro",
                "segment": "pro",
                "contribution": -0.02,
                "text": "9 instead of 20",
            },
            {"label": "holiday: Labour Day", "text": "2026-05-01 to 2026-05-01", "type": "event"},
        ),
    )
    daily = tuple(
        replace(p, value=0.9 - (0.4 if p.start == date(2026, 4, 1) else 0)) for p in points(*[0.9] * 120)
    )
    return replace(made, anomalies=(flag,), flag_points={key: daily}), key


def test_a_flag_of_another_grain_or_segment_has_its_own_chart() -> None:
    made, _ = with_a_daily_flag()
    page = ReadPage(render_site(made, NOW)["anomalies.html"].decode())
    assert len([one for one in page.all("svg") if "chart" in one.attributes.get("class", "")]) == 2
    told = " ".join(page.all("main")[0].text.split())
    assert "Too few values" not in told
    assert "tier: pro 9 instead of 20 −2.0 pp" in told
    assert "holiday: Labour Day 1 May 2026" in told
    assert "tier: tier" not in told


def test_a_flag_is_charted_with_the_range_it_was_published_with() -> None:
    made, key = with_a_daily_flag()
    series = {point.start: point for point in with_expected_ranges(made).flag_points[key]}
    assert (series[date(2026, 4, 1)].lower, series[date(2026, 4, 1)].upper) == (0.8, 0.95)
    assert series[date(2026, 4, 2)].lower is not None
    assert len(series) == 90


def test_a_series_too_short_to_know_has_no_range() -> None:
    made = company()
    short = replace(
        made, points={"csat": tuple(replace(p, lower=None, upper=None) for p in made.points["csat"][:5])}
    )
    assert all(point.lower is None for point in with_expected_ranges(short).points["csat"])
