"""Packs: what a company of one business model measures, as a choice from the shipped metrics and a few of its own.

    pack = load_pack("marketplace")
    texts = company_texts(pack, Company(today=date(2026, 7, 1), feeds={"crm.leads": "hubspot"}))

A pack is `<model>/pack.yml` (north star, company KPIs, teams, changes to shipped definitions) with `metrics.yml` and
`sources.yml` beside it where the model needs what the shipped catalogue lacks. Texts of shipped definitions are
referred to by name, never copied into a pack.
"""

from __future__ import annotations

from definitions.packs.choice import Choice, ChosenTeam, choose
from definitions.packs.company import Company, company_texts
from definitions.packs.pack import MODELS, Pack, library, load_pack, shipped_texts

__all__ = [
    "MODELS",
    "Choice",
    "ChosenTeam",
    "Company",
    "Pack",
    "choose",
    "company_texts",
    "library",
    "load_pack",
    "shipped_texts",
]
