"""The shape of `pack.yml`: how a business model chooses from the shipped definitions and adds to them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_FUNCTIONS = (
    "marketing",
    "product",
    "sales",
    "support",
    "finance",
    "engineering",
    "customer_success",
    "people",
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackTeam(_Part):
    """A team of the pack: the function it covers, and the KPIs it steers by."""

    name: str
    kpis: tuple[str, ...] = Field(description="Metrics the team steers by, the first one first.")
    label: str = ""
    function: str = Field(
        "", description="The business function it covers; default: its name, where that is one."
    )

    @property
    def title(self) -> str:
        """How people read it."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def covers(self) -> str | None:
        """The business function, None where its name is none and the pack says none."""
        return self.function or (self.name if self.name in _FUNCTIONS else None)


class PackGuardrail(_Part):
    """A counter-metric, and what it protects from."""

    metric: str
    rationale: str = Field(description="What goes wrong where only the guarded metric is looked at.")


class PackDrivers(_Part):
    """A node of the driver tree."""

    operator: Literal["sum", "difference", "product", "ratio"] = Field(
        description="How the inputs make the metric."
    )
    inputs: tuple[str, ...] = Field(description="The metrics it is made of.")


class PackChange(_Part):
    """How a shipped definition reads in this business model; what it computes is never changed."""

    metric: str
    label: str = ""
    definition: str = Field("", description="What it counts, in the words of this business model.")
    owner: str = Field("", description="The team that has its work, where it is not the shipped one.")
    level: Literal["supporting", "operational"] | None = Field(
        None, description="Its level in this business model."
    )
    drivers: PackDrivers | None = Field(None, description="The driver tree below it.")
    guardrails: tuple[PackGuardrail, ...] = Field((), description="Counter-metrics besides the shipped ones.")
    drop: tuple[Literal["drivers"], ...] = Field(
        (), description="Parts of the shipped definition that do not hold here."
    )


class PackKeyResult(_Part):
    """A key result of the example objective; its statement lacks the day it ends on."""

    metric: str
    statement: str = Field(description="From what to what, in words; the last day is added.")
    baseline: float = Field(description="Where the example begins.")
    target: float = Field(description="Where the example ends.")
    leading: bool = Field(False, description="Whether it moves before the result does.")


class PackObjective(_Part):
    """The objective that shows the form."""

    key: str
    title: str = Field(description="What will be different for people, without a number.")
    why: str
    team: str
    perspective: Literal["financial", "customer", "internal_process", "learning_growth"]
    key_results: tuple[PackKeyResult, ...] = Field(description="How one sees that it is reached.")


class PackFile(_Part):
    """One business model: its north star, its 10 to 15 company KPIs, its teams, and what it changes."""

    label: str
    about: str = Field(description="What such a company does, in a sentence; `vitals init` shows it.")
    north_star: str = Field(description="The metric of the value that customers get.")
    company: tuple[str, ...] = Field(description="The company's KPIs, ten to fifteen.")
    teams: tuple[PackTeam, ...] = Field(description="The teams that are proposed.")
    owners: dict[str, str] = Field(
        {},
        description="Teams of shipped definitions that this model does not have, with the team that has their work.",
    )
    also: tuple[str, ...] = Field(
        (), description="Metrics that no team steers by and that are read beside the others."
    )
    objective: PackObjective = Field(description="The example objective.")
    change: tuple[PackChange, ...] = Field((), description="Shipped definitions that read differently here.")
