"""What a pack is, and how it is read: `<model>/pack.yml` over the shipped metrics and the pack's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from definitions.errors import DefinitionsError, nearest
from definitions.loading import load_texts, read_folder
from definitions.model import Catalogue

FOLDER = Path(__file__).parent
SHIPPED = FOLDER.parent / "catalogue"
MODELS = ("b2b-sales-led", "product-led", "marketplace", "media", "e-commerce", "services")
"""Business models, in the order in which people are asked."""
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


class UnknownModel(DefinitionsError):
    """There is no pack of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        near = nearest(name, MODELS)
        meant = f"did you mean {near}?" if near else f"write one of {', '.join(MODELS)}"
        super().__init__(f"there is no business model {name!r}; {meant}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackTeam(_Part):
    """A team of the pack: the function it covers (default: its name), and the KPIs it steers by."""

    name: str
    kpis: tuple[str, ...]
    label: str = ""
    function: str = ""

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
    rationale: str


class PackDrivers(_Part):
    """A node of the driver tree."""

    operator: Literal["sum", "difference", "product", "ratio"]
    inputs: tuple[str, ...]


class PackChange(_Part):
    """How a shipped definition reads in this business model; what it computes is never changed."""

    metric: str
    label: str = ""
    definition: str = ""
    owner: str = ""
    level: Literal["supporting", "operational"] | None = None
    drivers: PackDrivers | None = None
    guardrails: tuple[PackGuardrail, ...] = ()
    drop: tuple[Literal["drivers"], ...] = ()


class PackKeyResult(_Part):
    """A key result of the example objective; its statement lacks the day it ends on."""

    metric: str
    statement: str
    baseline: float
    target: float
    leading: bool = False


class PackObjective(_Part):
    """The objective that shows the form."""

    key: str
    title: str
    why: str
    team: str
    perspective: Literal["financial", "customer", "internal_process", "learning_growth"]
    key_results: tuple[PackKeyResult, ...]


class Pack(_Part):
    """One business model: its north star, its 10 to 15 company KPIs, its teams, and what it changes.

    Attributes:
        owners: teams of shipped definitions that this model does not have, with the team that has their work.
        also: metrics that no team steers by and that are read beside the others.
        targets: first targets by common practice, of metrics that have one.
    """

    model: str
    label: str
    about: str
    north_star: str
    company: tuple[str, ...]
    teams: tuple[PackTeam, ...]
    owners: dict[str, str] = {}
    also: tuple[str, ...] = ()
    objective: PackObjective
    change: tuple[PackChange, ...] = ()
    targets: dict[str, float] = {}


def load_pack(model: str) -> Pack:
    """The pack of a business model.

    Raises:
        UnknownModel: there is none of that name.
    """
    if model not in MODELS:
        raise UnknownModel(model)
    return Pack.model_validate(
        {**_yaml(FOLDER / model / "pack.yml"), "model": model, "targets": _yaml(FOLDER / "targets.yml")}
    )


def shipped_texts() -> dict[str, str | bytes]:
    """Sources and metrics of the shipped catalogue, by relative path."""
    return {
        name: text
        for name, text in read_folder(SHIPPED).items()
        if name.startswith(("sources/", "metrics/", "calendars"))
    }


@lru_cache(maxsize=len(MODELS))
def library(model: str) -> Catalogue:
    """Every source and metric that a company of this model may choose from: the shipped ones and the pack's own."""
    texts = shipped_texts()
    for kind in ("sources", "metrics"):
        path = FOLDER / model / f"{kind}.yml"
        if path.is_file():
            texts[f"{kind}/{model}.yml"] = path.read_bytes()
    return load_texts(texts, root=FOLDER / model, check=False)


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
