"""Every threshold of the product in one typed registry: its default, its unit, and where it comes from.

`settings.yml` in the catalogue overrides a default; a definition may override it again where a rule says so.
Each section is one frozen model; each field carries its unit and source in its description, and the settings
reference in the docs is generated from here.
"""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

D = Decimal


class Section(BaseModel):
    """One section of the registry: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoringSettings(Section):
    """Scores, pace, forecast, status, roll-up, cadence. Source: scoring rules."""

    band_at_risk: Decimal = Field(D("0.3"), description="score from which a key result is at risk (fraction)")
    band_on_track: Decimal = Field(
        D("0.7"), description="score from which a key result is on track (fraction)"
    )
    mask_progress_below: Decimal = Field(
        D("0.3"), description="an on-track ratio with less progress than this is flagged (fraction)"
    )
    zero_current_cap: Decimal = Field(
        D("2.000000"), description="ratio of a decrease that reached zero (fraction of target)"
    )

    pace_from: Decimal = Field(
        D("0.10"), description="expected progress below which pace is too early (fraction)"
    )
    pace_ahead: Decimal = Field(D("1.1"), description="pace ratio from which a key result is ahead")
    pace_on: Decimal = Field(D("0.9"), description="pace ratio from which a key result is on pace")
    pace_behind: Decimal = Field(
        D("0.7"), description="pace ratio from which it is behind, below it off pace"
    )
    late_exponent: Decimal = Field(
        D("2"),
        description="power of elapsed time in the late curve (two: a quarter is expected at half time)",
    )

    forecast_points_min: int = Field(
        4, ge=3, description="final points below which there is no forecast (points)"
    )
    forecast_points_max: int = Field(13, ge=6, description="latest points a forecast looks at (points)")
    forecast_points_enough: int = Field(
        8, ge=5, description="points from which the plain trend never speaks alone (points; backtest)"
    )
    forecast_clear_slope: Decimal = Field(
        D("6"), gt=0, description="slope at which few points leave no doubt (its standard errors; backtest)"
    )
    forecast_no_persistence: Decimal = Field(
        D("0.3"), gt=0, lt=1, description="prior probability that nothing lingers off the line (backtest)"
    )
    forecast_short_width: Decimal = Field(
        D("1.5"),
        gt=0,
        description="factor on the plain trend's interval, few points underrate noise (backtest)",
    )
    forecast_interval: Decimal = Field(
        D("0.80"), gt=0, lt=1, description="coverage of the published forecast interval (fraction)"
    )

    amber_floor_increase: Decimal = Field(
        D("0.80"), description="attainment from which a missed target is amber, more is better (fraction)"
    )
    amber_floor_decrease: Decimal = Field(
        D("0.90"), description="attainment from which a missed target is amber, less is better (fraction)"
    )
    amber_floor_within: Decimal = Field(
        D("0.80"), description="attainment from which a value outside its band is amber (fraction)"
    )
    trend_periods: int = Field(3, ge=2, description="complete periods a trend looks over (periods)")
    trend_flat: Decimal = Field(
        D("0.01"), description="relative change up to which a trend is flat (fraction)"
    )
    below_baseline_share: Decimal = Field(
        D("0.20"), description="adverse deviation from the baseline that is far (fraction of |baseline|)"
    )
    below_baseline_sigmas: Decimal = Field(
        D("3"), description="adverse deviation from the baseline that is far (robust sigmas)"
    )
    below_baseline_history: int = Field(
        12, description="final periods the robust sigma is taken from (periods)"
    )
    below_baseline_history_min: int = Field(
        8, description="final periods from which the robust sigma is asked for (periods)"
    )

    coverage_min: Decimal = Field(
        D("0.5"), description="share of weight with data below which an objective has no score (fraction)"
    )
    objective_status: Literal["weakest", "average"] = Field(
        "weakest", description="what an objective shows: its weakest key result, or the band of its score"
    )
    success_committed: Decimal = Field(D("1.0"), description="score at which a committed objective succeeds")
    success_aspirational: Decimal = Field(
        D("0.7"), description="score at which an aspirational objective succeeds"
    )

    reconcile_tolerance: Decimal = Field(
        D("0.005"), description="|parent - f(children)| up to which a tree reconciles (fraction of |parent|)"
    )
    reconcile_rounding: Decimal = Field(
        D("0.000001"),
        description="absolute difference up to which a tree reconciles whatever the parent (units)",
    )
    gaming_improvement: Decimal = Field(
        D("0.05"), description="improvement of a metric that makes its guardrails looked at (fraction)"
    )
    local_optimum_periods: int = Field(
        2, description="periods a child is green under a red parent to be a local optimum (periods)"
    )
    adverse_weeks: int = Field(3, description="adverse weeks in a row that make a suggestion (weeks)")
    correlation_points_min: int = Field(
        8, description="pairs below which no correlation is reported (periods)"
    )

    stale_after_days: int = Field(
        3, description="days past the due day at which a key result is stale (days)"
    )
    escalate_lead_after_days: int = Field(
        7, description="days past due at which the team lead hears of it (days)"
    )
    escalate_sponsor_after_days: int = Field(
        14, description="days past due at which the objective's sponsor hears of it (days)"
    )
    check_in_weekday: int = Field(
        5, ge=1, le=7, description="ISO weekday on which check-ins are due (1 Monday)"
    )
    next_baseline: Literal["last", "mean_of_3"] = Field(
        "last", description="next cycle's baseline: the last complete final period, or the mean of three"
    )


class DetectionSettings(Section):
    """Anomaly detection. Source: detection rules. Alarms were tuned on the generated series of the benchmark."""

    point_alarm: float = Field(
        3.5, gt=2, description="deviate beyond which one value is flagged (normal standard deviations)"
    )
    burst_alarm: float = Field(
        3.75, gt=2, description="joint deviate beyond which two or three values in a row are flagged"
    )
    shift_alarm: float = Field(3.9, gt=2, description="deviate beyond which a level shift is confirmed")
    trend_alarm: float = Field(3.5, gt=2, description="deviate beyond which a slow drift is confirmed")
    streak_alarm: float = Field(
        3.3, gt=2, description="joint deviate beyond which adverse periods in a row are a streak"
    )
    streak_length: int = Field(
        3, ge=3, description="adverse weeks, months or quarters in a row that make a streak (periods)"
    )
    short_caution: float = Field(
        1.1, ge=1, description="factor on all alarms of weekly and coarser series, which have few values"
    )
    smallest_change: float = Field(
        0.02, ge=0, description="level shift or drift below which nothing is said (fraction of the expected)"
    )
    missing_alarm: float = Field(
        0.002, gt=0, lt=1, description="chance below which a gap is flagged as missing (probability)"
    )
    band_coverage: float = Field(
        0.99, gt=0.5, lt=1, description="share of quiet periods that the expected range covers (fraction)"
    )
    noise_memory: float = Field(90.0, ge=20, description="values that the noise of a series is learned over")
    holiday_window: tuple[int, ...] = Field(
        (-1, 1), description="days around a holiday that are learned apart (offsets in days)"
    )
    open_days: int = Field(35, ge=1, description="daily flags younger than this are published as open (days)")
    open_weeks: int = Field(8, ge=1, description="the same for weekly flags (weeks)")
    open_months: int = Field(3, ge=1, description="the same for monthly flags (months)")
    open_quarters: int = Field(2, ge=1, description="the same for quarterly flags (quarters)")
    causes: int = Field(3, ge=0, description="segments named as root cause of a flag")
    events_before: int = Field(7, ge=0, description="days before a flag in which an event is related (days)")
    history_day: int = Field(42, ge=14, description="daily values before a series is tested (days)")
    history_week: int = Field(16, ge=8, description="weekly values before a series is tested (weeks)")
    history_month: int = Field(12, ge=6, description="monthly values before a series is tested (months)")
    history_quarter: int = Field(8, ge=4, description="quarterly values before it is tested (quarters)")
    critical_score: float = Field(
        5.0, gt=2, description="deviate from which an unfavourable flag is critical"
    )

    def open_periods(self, grain: str) -> int:
        """Latest complete periods whose flags are published as open."""
        lengths = {
            "day": self.open_days,
            "week": self.open_weeks,
            "month": self.open_months,
            "quarter": self.open_quarters,
        }
        return lengths.get(grain, self.open_days)

    def alarms(self, grain: str) -> tuple[float, float, float, float]:
        """Alarms of point, burst, shift and trend tests at a grain."""
        caution = 1.0 if grain == "day" else self.short_caution
        base = (self.point_alarm, self.burst_alarm, self.shift_alarm, self.trend_alarm)
        return base[0] * caution, base[1] * caution, base[2] * caution, base[3] * caution

    def history(self, grain: str) -> int:
        """Values a series of this grain needs before it is tested."""
        lengths = {
            "day": self.history_day,
            "week": self.history_week,
            "month": self.history_month,
            "quarter": self.history_quarter,
        }
        return lengths.get(grain, self.history_day)


class AlertSettings(Section):
    """Routing, cool-down, quiet hours, escalation. Source: alert rules."""

    time_zone: str = Field(
        "UTC", description="zone of quiet hours, nudges and digests (IANA name). Source: alert rules"
    )
    quiet_from: time = Field(time(20, 0), description="start of quiet hours (local time of day)")
    quiet_until: time = Field(
        time(7, 0), description="end of quiet hours; equal to the start means none (local time of day)"
    )
    quiet_weekdays: tuple[int, ...] = Field(
        (6, 7), description="days that are quiet from morning to night (ISO weekdays, 1 Monday)"
    )
    quiet_breaks_at: Literal["info", "warning", "critical"] = Field(
        "critical", description="severity from which quiet hours are no reason to wait"
    )
    team_told_from: Literal["info", "warning", "critical"] = Field(
        "warning", description="severity from which a team's channels hear of it beside the owner"
    )
    cool_down_minutes: int = Field(
        240, ge=0, description="how long after its end the same alert does not start again aloud (minutes)"
    )
    remind_critical_hours: int = Field(
        24, ge=1, description="an open, unacknowledged critical alert is told again after this (hours)"
    )
    remind_warning_hours: int = Field(
        168, ge=1, description="an open, unacknowledged warning is told again after this (hours)"
    )
    escalate_from: Literal["warning", "critical"] = Field(
        "critical", description="severity from which an unacknowledged alert escalates"
    )
    escalate_after_minutes: tuple[int, ...] = Field(
        (60, 240),
        description="when an unacknowledged alert goes to the team's lead, its parent's lead, … (minutes)",
    )
    recent_periods: int = Field(
        2, ge=1, description="flags on periods that ended longer ago are history, not alerts (periods)"
    )
    nudge_at: time = Field(time(9, 0), description="when the day's nudges go out (local time of day)")
    digest_weekday: int = Field(1, ge=1, le=7, description="day of the weekly digest (ISO weekday, 1 Monday)")
    digest_at: time = Field(
        time(8, 0), description="when the digest goes out, before the team's meeting (local time of day)"
    )
    digest_length: int = Field(12, ge=1, description="entries a digest shows in full (entries)")
    group_length: int = Field(10, ge=1, description="alerts a joined message shows in full (alerts)")
    fallback_team: str | None = Field(
        None, description="who hears what nobody owns or nobody received (team key; none: the company's top)"
    )
    operations_team: str | None = Field(
        None, description="who hears of failed runs (team key; none: the fallback team)"
    )
    drain_seconds: float = Field(20, gt=0, description="time one drain of the outbox may take (seconds)")
    send_seconds: float = Field(10, gt=0, description="time one delivery may take (seconds)")
    lease_seconds: float = Field(
        120,
        gt=0,
        description="how long a claimed delivery is left alone before another drain takes it (seconds)",
    )
    retry_seconds: float = Field(
        30, gt=0, description="wait after the first failed delivery; doubles each time (seconds)"
    )
    retry_seconds_max: float = Field(3600, gt=0, description="longest wait between two deliveries (seconds)")
    give_up_hours: float = Field(
        72,
        gt=0,
        description="age at which an undeliverable alert is given up and goes to the fallback (hours)",
    )
    link_days: int = Field(14, ge=1, description="how long an acknowledge link is valid (days)")
    link_base: str | None = Field(
        None, description="address the acknowledge page is served under (URL; none: no links)"
    )
    link_key: str | None = Field(
        None, description="secret that signs acknowledge links (reference: env:NAME or file:PATH)"
    )
    report_base: str | None = Field(
        None, description="address the report is served under (URL; none: no links)"
    )
    dagster_base: str | None = Field(
        None, description="address of Dagster's UI, for links to runs (URL; none: no links)"
    )


class QualitySettings(Section):
    """Checks and the gate. Source: quality rules."""

    tolerated_share: float = Field(
        0.001, description="share of rows breaking a column contract up to which it only warns (fraction)"
    )
    sample_size: int = Field(5, description="keys of offending rows kept with a failed check (rows)")
    pulled_rows_max: int = Field(
        1_000_000,
        description="rows above which an expectation that cannot be pushed down is refused (rows)",
    )
    undeclared_columns: Literal["allow", "warn", "error"] = Field(
        "allow", description="what a staging column that no source declares means (policy)"
    )
    future_tolerance_hours: float = Field(
        36, description="how far a time stamp may lie ahead of now: zones and clock skew (hours)"
    )
    earliest_year: int = Field(1990, description="time stamps before it are disguised nulls (year)")
    planned_years: int = Field(10, description="how far ahead a planned date may lie (years)")
    orphan_share: float = Field(
        0.05, description="share of references without a partner up to which they are no warning (fraction)"
    )
    volume_minimum: int = Field(20, description="previous rows needed to judge a volume (rows)")
    volume_shrink_error: float = Field(
        0.5, description="share of the previous rows below which a shrunken table is an error (fraction)"
    )
    volume_shrink_warn: float = Field(
        0.9, description="share of the previous rows below which a shrunken table is a warning (fraction)"
    )
    volume_growth_warn: float = Field(
        2.0, description="multiple of the previous rows above which a grown table is a warning (factor)"
    )
    volume_growth_error: float = Field(
        20.0, description="multiple of the previous rows above which a grown table is an error (factor)"
    )
    value_tolerance: float = Field(
        1e-9, description="relative difference up to which two ways to a value agree (fraction)"
    )
    money_tolerance: float = Field(0.005, description="difference up to which money agrees (currency)")
    driver_tolerance: float = Field(
        0.005, description="gap of parent and drivers up to which a tree reconciles (fraction)"
    )
    drift_psi: float = Field(
        0.25, description="population stability index above which a distribution has drifted (index)"
    )
    drift_points: int = Field(30, description="values each side needs before drift is judged (values)")
    restated_share: float = Field(
        0.2, description="share of final values changed under one version that is flagged (fraction)"
    )
    freshness_days: float = Field(
        2.0, description="how old the data of an asset may be where nothing closer is declared (days)"
    )


class ConnectorSettings(Section):
    """How careful and how patient a load is. Source: connector rules, points 1 to 4.

    A stream's overlap and an account's rate belong to the vendor: they stand in the stream's declaration and in the
    source's YAML.
    """

    safety_seconds: float = Field(
        60.0,
        ge=0,
        description="the watermark stays that far behind the begin of a reading (seconds; point 2)",
    )
    future_seconds: float = Field(
        300.0, ge=0, description="a stamp that far ahead of the vendor's clock is clamped (seconds; fault 16)"
    )
    checkpoint_seconds: float = Field(
        5.0, ge=0, description="a long load makes its progress last that often (seconds; point 5)"
    )
    resume_hours: float = Field(
        24.0,
        ge=0,
        description="an unfinished load that is older is begun again (hours; bulk results live days)",
    )
    full_read_days: float = Field(
        30.0,
        ge=0,
        description="a stream is read whole that often, for silent edits; 0 never (days; fault 14)",
    )
    vanished_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description="more rows gone at once are a failed check, no deletion (fraction; point 3)",
    )
    vanished_rows: int = Field(
        20, ge=0, description="so few rows may vanish at once whatever their share (rows; point 3)"
    )
    lateness_share: float = Field(
        0.5, gt=0, le=1, description="a row later than this share of the overlap warns (fraction; point 2)"
    )
    recent_rows: int = Field(
        100_000, ge=0, description="rows of the overlap remembered to measure lateness (rows; 8 bytes each)"
    )
    quota_share: float = Field(
        0.8,
        gt=0,
        le=1,
        description="a load stops where more of the day's quota is used (fraction; Salesforce)",
    )
    parallel_requests: int = Field(
        4,
        ge=1,
        le=64,
        description="requests under way at once where a vendor asks for each parent (requests)",
    )
    connect_seconds: float = Field(10.0, gt=0, description="to open a connection (seconds; point 1)")
    read_seconds: float = Field(60.0, gt=0, description="between two pieces of a body (seconds; point 1)")
    request_seconds: float = Field(
        300.0, gt=0, description="for one whole answer, however it drips (seconds; fault 7)"
    )
    attempts: int = Field(8, ge=1, description="how often one request is tried (attempts; point 1)")
    backoff_seconds: float = Field(
        1.0, ge=0, description="first wait where the vendor names none, doubled each time (seconds; point 1)"
    )
    backoff_cap: float = Field(60.0, ge=0, description="longest such wait (seconds; point 1)")
    budget_seconds: float = Field(
        1800.0, ge=0, description="all waits of a load together (seconds; point 1, total time budget)"
    )
    body_mebibytes: int = Field(256, ge=1, description="the largest decoded body (MiB; fault 33)")


class CompilerSettings(Section):
    """How metrics are put into statements. Source: dictionary rules, 'The compiler'; benchmarks/compiler."""

    statement_series: int = Field(
        1600,
        ge=1,
        description="the most that one statement computes, each metric counting once and once more for every segment; "
        "what is more is split, and reads its tables once more (metrics × segments; benchmarks/compiler)",
    )


class LintSettings(Section):
    """What the dictionary is held to. Source: definition lint."""

    team_kpis_min: int = Field(5, ge=0, description="fewest KPIs a team steers by (metrics)")
    company_kpis_min: int = Field(10, ge=0, description="fewest KPIs of the company (metrics)")
    company_kpis_max: int = Field(15, ge=1, description="most KPIs of the company (metrics)")
    objectives_min: int = Field(3, ge=1, description="objectives of a cycle below which a note says so")
    objectives_max: int = Field(5, ge=1, description="most objectives of a team in a cycle")
    key_results_min: int = Field(3, ge=1, description="fewest key results of an objective")
    key_results_max: int = Field(5, ge=1, description="most key results of an objective")
    key_result_share: float = Field(
        0.5, gt=0, le=1, description="largest share of a team's metrics under a key result (fraction)"
    )
    static_target_quarters: int = Field(
        2, ge=1, description="quarters a target may stay the same before it is called static (quarters)"
    )
    stale_quarters: int = Field(2, ge=1, description="quarters without a review that make a metric stale")
    near_duplicate_plan: float = Field(
        0.85,
        gt=0,
        le=1,
        description="likeness of two normalised plans that makes a near-duplicate (fraction)",
    )
    near_duplicate_name: float = Field(
        0.6, gt=0, le=1, description="likeness of the two names that is needed beside it (fraction)"
    )
    functions: tuple[str, ...] = Field(
        ("marketing", "product", "sales", "support", "finance", "engineering"),
        description="business functions that need at least one KPI",
    )


class GovernanceSettings(Section):
    """Who looks after definitions, and how often. Source: definition lint, 'Errors' and STALE_METRIC."""

    steward_role: str = Field(
        "steward", description="role of people who look after the dictionary as a whole (role in teams.yml)"
    )
    north_star_review_quarters: int = Field(
        1, ge=1, description="quarters after which the north star is due for review (quarters)"
    )
    supporting_review_quarters: int = Field(
        2, ge=1, description="quarters after which a supporting metric is due for review (quarters)"
    )
    operational_review_quarters: int = Field(
        2, ge=1, description="quarters after which an operational metric is due for review (quarters)"
    )
    only_owners_approve: bool = Field(
        False,
        description="a change approved by somebody who does not answer for the metric fails the comparison; the rule "
        "asks for somebody else than the proposer",
    )
    publish_drafts: bool = Field(
        True, description="values of drafts are published, marked as drafts; otherwise only computed"
    )

    def review_quarters(self, level: str) -> int:
        """Quarters between reviews of a metric of this level."""
        quarters: int = getattr(self, f"{level}_review_quarters")
        return quarters


class Settings(Section):
    """All sections together."""

    scoring: ScoringSettings = ScoringSettings()
    detection: DetectionSettings = DetectionSettings()
    alerts: AlertSettings = AlertSettings()
    quality: QualitySettings = QualitySettings()
    connectors: ConnectorSettings = ConnectorSettings()
    compiler: CompilerSettings = CompilerSettings()
    lint: LintSettings = LintSettings()
    governance: GovernanceSettings = GovernanceSettings()
