"""What a pack is, and how it is read: `<model>/pack.yml` over the shipped metrics and the pack's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from definitions.errors import DefinitionsError, nearest
from definitions.loading import load_texts, read_folder
from definitions.model import Catalogue
from definitions.schema.packs import PackFile

FOLDER = Path(__file__).parent
SHIPPED = FOLDER.parent / "catalogue"
MODELS = ("b2b-sales-led", "product-led", "marketplace", "media", "e-commerce", "services")
"""Business models, in the order in which people are asked."""


class UnknownModel(DefinitionsError):
    """There is no pack of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        near = nearest(name, MODELS)
        meant = f"did you mean {near}?" if near else f"write one of {', '.join(MODELS)}"
        super().__init__(f"there is no business model {name!r}; {meant}")


class Pack(PackFile):
    """A pack as it is used.

    Attributes:
        model: the business model, by the name of its folder.
        targets: first targets by common practice, of metrics that have one; the same for all packs.
    """

    model: str
    targets: dict[str, float]


def load_pack(model: str) -> Pack:
    """The pack of a business model.

    Raises:
        UnknownModel: there is none of that name.
    """
    if model not in MODELS:
        raise UnknownModel(model)
    written = PackFile.model_validate(_yaml(FOLDER / model / "pack.yml"))
    parts = {name: getattr(written, name) for name in PackFile.model_fields}
    return Pack(**parts, model=model, targets=_yaml(FOLDER / "targets.yml"))


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
