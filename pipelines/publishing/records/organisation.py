"""People, teams and days: the dimensions that everything else refers to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team of the organisation. `level`: company, department, team, individual."""

    team_key: str
    team_name: str
    parent_team_key: str | None
    level: str
    lead_key: str | None = None
    business_function: str | None = None
    kpi_limit: int = 7


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person, or a role that one person fills."""

    person_key: str
    display_name: str
    email: str
    team_key: str | None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class PersonRoleRow:
    """A role that a person has; with `MetricAudienceRow` it says who may see which restricted metric."""

    person_key: str
    role_name: str


@dataclass(frozen=True, slots=True)
class DateRow:
    """One day with the labels that reports group by; fiscal labels follow the company calendar."""

    date_key: date
    week_start: date
    month_start: date
    quarter_start: date
    year_start: date
    iso_week: str
    month_label: str
    quarter_label: str
    fiscal_month_start: date
    fiscal_month_label: str
    fiscal_quarter_start: date
    fiscal_quarter_label: str
    fiscal_year_start: date
    fiscal_year: int
    day_of_week: int
    is_business_day: bool
    is_holiday: bool
    holiday_name: str | None = None
