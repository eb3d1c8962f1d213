"""Calendars, teams, people and channels as people write them: ``calendars.yml``, ``teams.yml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema

from definitions.model import Calendar, Channel, DeclaredEvent, Holiday, Person, Team
from definitions.schema.fields import (
    Boolean,
    Date,
    Here,
    Integer,
    Key,
    Names,
    Prose,
    Shape,
    SilenceShape,
    Text,
    Texts,
    _patterned,
    _problem,
    silences_of,
)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_EMAIL = r"^[^@\s]+@[^@\s]+$"
_HANDLE = r"^@[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$"
_PATTERNS = {"4-4-5": (4, 4, 5), "4-5-4": (4, 5, 4), "5-4-4": (5, 4, 4)}


def _named(names: tuple[str, ...], what: str) -> Any:
    def number(value: Any) -> int:
        text = str(value).lower()
        if text.isdigit() and 1 <= int(text) <= len(names):
            return int(text)
        if text in names:
            return names.index(text) + 1
        raise _problem("wrong_value", f"{str(value)!r} is not a {what}; write {names[0]} or 1")

    return number


def _zone(value: Any) -> str:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        raise _problem(
            "wrong_value", f"{str(value)!r} is no IANA time zone, such as Europe/Berlin"
        ) from error
    return str(value)


def _names(names: tuple[str, ...]) -> WithJsonSchema:
    """Names and numbers, told to editors too."""
    return WithJsonSchema({"enum": [*names, *range(1, len(names) + 1)]})


Weekday = Annotated[int, BeforeValidator(_named(_WEEKDAYS, "weekday")), _names(_WEEKDAYS)]
Month = Annotated[int, BeforeValidator(_named(_MONTHS, "month")), _names(_MONTHS)]


Handle = Annotated[str, BeforeValidator(str), Field(pattern=_HANDLE), _patterned(_HANDLE)]


class HolidayShape(Shape):
    """A day without business."""

    date: Date
    name: Prose


class EventShape(Shape):
    """A known event over inclusive days that explains a change in metrics."""

    name: Prose
    start: Date = Field(alias="from")
    end: Date | None = Field(None, alias="to")
    kind: Text = "event"
    metrics: Names = ()
    expected: Boolean = True


class CalendarShape(Shape):
    """How days become weeks, months, quarters and years."""

    name: Key
    time_zone: Annotated[str, BeforeValidator(_zone)] = "UTC"
    week_start: Weekday = 1
    fiscal_year_start: Month = 1
    week_pattern: Literal["4-4-5", "4-5-4", "5-4-4"] | None = None
    weekend: tuple[Weekday, ...] = (6, 7)
    holidays: tuple[HolidayShape, ...] = ()
    events: tuple[EventShape, ...] = ()

    def build(self, here: Here) -> Calendar:
        return Calendar(
            name=self.name,
            time_zone=self.time_zone,
            week_start=self.week_start,
            fiscal_year_start=self.fiscal_year_start,
            week_pattern=_PATTERNS[self.week_pattern] if self.week_pattern else (),
            weekend=self.weekend,
            holidays=tuple(sorted((Holiday(h.date, h.name) for h in self.holidays), key=lambda h: h.date)),
            events=tuple(
                DeclaredEvent(e.name, e.start, e.end or e.start, e.kind, e.metrics, e.expected)
                for e in self.events
            ),
            location=here.location,
        )


class ChannelShape(Shape):
    """Where messages go: an Apprise URL by reference (``env:NAME``, ``file:PATH``), or one that holds no secret."""

    name: Key
    url: Text
    severities: Texts = ()

    def build(self, here: Here) -> Channel:
        return Channel(self.name, self.url, self.severities, here.location)


class PersonShape(Shape):
    """A person, or a role that one person fills."""

    name: Key
    label: Prose
    email: Annotated[str, BeforeValidator(str), Field(pattern=_EMAIL), _patterned(_EMAIL)]
    team: Key | None = None
    active: Boolean = True
    channels: Texts = ()
    roles: Texts = ()
    handle: Handle | None = Field(None, description="who they are on the code host: @ana")

    def build(self, here: Here) -> Person:
        return Person(
            self.name,
            self.label,
            self.email,
            self.team,
            self.active,
            self.channels,
            self.roles,
            self.handle,
            here.location,
        )


class TeamShape(Shape):
    """A team and its lead."""

    name: Key
    label: Prose
    lead: Key
    parent: Key | None = None
    level: Literal["company", "department", "team", "individual"] = "team"
    function: Text | None = None
    kpi_limit: Integer = 7
    kpis: Names = Field((), description="metrics the team steers by; default: all that it owns")
    channels: Texts = ()
    silence: tuple[SilenceShape, ...] = ()
    handle: Handle | None = Field(None, description="its name on the code host: @acme/support")

    def build(self, here: Here) -> Team:
        return Team(
            key=self.name,
            name=self.label,
            lead=self.lead,
            parent=self.parent,
            level=self.level,
            function=self.function,
            kpi_limit=self.kpi_limit,
            channels=self.channels,
            kpis=self.kpis,
            silences=silences_of(self.silence),
            handle=self.handle,
            location=here.location,
        )
