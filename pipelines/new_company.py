"""A company's own installation as files: its dictionary, its systems, templates for files, and what an editor needs.

    files = company_files(Setup(model="marketplace", name="acme", systems=("jira", "zendesk"), ...), today)

Pure but for reading what is shipped (packs, examples); `pipelines.cli.init` asks the questions and writes the files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from definitions.loading import SYSTEMS, load_texts
from definitions.model import Catalogue
from definitions.packs import Company, Pack, company_texts, load_pack
from definitions.packs.company import chosen
from definitions.writing import to_yaml
from pipelines.contracts import Contract, contracts, folded_from
from pipelines.editor_schemas import FILES, FOLDER, referring, schemas, written
from pipelines.staging.models import DERIVED, load_models
from pipelines.workspace import EXAMPLES, MARKER

CONNECTED = ("salesforce", "hubspot", "jira", "jira_dc", "github", "linear", "intercom", "zendesk")
"""Systems with a connector and staging models of their own."""
DATA = "data"
"""Folder that file exports are put into."""
_SCHEMA = f"../{FOLDER}/systems.json"
_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Setup:
    """What a company says about itself in the interview.

    Attributes:
        files: neutral tables that files feed, of those that no system does; None means all that are needed.
        teams: (name, lead); empty means the teams of the pack.
    """

    model: str
    name: str = "acme"
    systems: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    teams: tuple[tuple[str, str], ...] = ()
    currency: str = "USD"
    time_zone: str = "UTC"
    week_start: int = 1
    fiscal_year_start: int = 1
    email_domain: str = "example.com"


@dataclass(frozen=True)
class Founded:
    """The files of an installation by relative path, and what they amount to.

    Attributes:
        files: all of it; definitions, sources, editor and git settings.
        templates: the files below `data/`, which hold a header and are never written over.
        catalogue: the dictionary in it.
        tables: neutral tables that files feed.
        unfed: neutral tables that nothing feeds; metrics over them are `no source`.
        variables: names of the credentials that its systems refer to.
    """

    files: dict[str, str]
    templates: dict[str, str]
    catalogue: Catalogue = field(repr=False)
    tables: tuple[str, ...] = ()
    unfed: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def tables_without_system(model: str, systems: Sequence[str]) -> tuple[str, ...]:
    """The neutral tables that a company of this model reads and that none of these systems feeds, sorted."""
    pack = load_pack(model)
    company = Company(today=date.min, needs=folded_from())
    fed = _fed_by(systems)
    folded = company.needs.keys()
    return tuple(table for table in chosen(pack, company).tables if table not in fed and table not in folded)


def company_files(setup: Setup, today: date) -> Founded:
    """Everything that `vitals init` writes; deterministic in the setup and the day.

    Raises:
        UnknownModel: there is no pack of that name.
    """
    pack = load_pack(setup.model)
    fed = _fed_by(setup.systems)
    needs = folded_from()
    company = Company(
        today=today,
        feeds=fed,
        needs=needs,
        teams=setup.teams,
        currency=setup.currency,
        time_zone=setup.time_zone,
        week_start=setup.week_start,
        fiscal_year_start=setup.fiscal_year_start,
        email_domain=setup.email_domain,
    )
    texts = company_texts(pack, company)
    catalogue = load_texts(texts, check=False)
    known = contracts(catalogue)
    open_tables = [table for table in known if table not in fed]
    wanted = open_tables if setup.files is None else [t for t in open_tables if t in setup.files]
    files = dict(texts)
    for system in setup.systems:
        files[f"{SYSTEMS}/{system}.yml"] = _instance(system, setup.name)
    templates = {}
    if wanted:
        chosen_tables = [known[table] for table in wanted]
        files[f"{SYSTEMS}/files.yml"] = _file_source(setup.name, chosen_tables)
        templates = {f"{DATA}/{one.path}": f"{one.header}\n" for one in chosen_tables}
    variables = tuple(
        dict.fromkeys(
            name
            for path, text in sorted(files.items())
            if path.startswith(SYSTEMS)
            for name in _REFERENCE.findall(text)
        )
    )
    unfed = tuple(table for table in open_tables if table not in wanted)
    files |= _editor_files()
    files[MARKER] = _MARKER
    files[".gitignore"] = _IGNORED
    files[".pre-commit-config.yaml"] = _PRE_COMMIT
    files[".github/workflows/vitals.yml"] = _WORKFLOW
    if variables:
        files["credentials.env.example"] = _credentials(variables)
    files["README.md"] = _readme(pack, setup, catalogue, wanted, unfed, variables)
    return Founded(dict(sorted(files.items())), templates, catalogue, tuple(wanted), unfed, variables)


def _fed_by(systems: Sequence[str]) -> dict[str, str]:
    """The system that feeds each neutral table; of several, the one named first."""
    order = {system: position for position, system in enumerate(systems)}
    models = [model for model in load_models(systems) if model.system != DERIVED]
    fed: dict[str, str] = {}
    for model in sorted(models, key=lambda model: order[model.system]):
        fed.setdefault(model.table, model.system)
    return fed


# ── systems ─────────────────────────────────────────────────────────────────────────────────────────────────


def _instance(system: str, account: str) -> str:
    text = (EXAMPLES / system / f"{system}.yml").read_text(encoding="utf-8")
    named = re.sub(r"^account: .*$", f"account: {account}", text, count=1, flags=re.MULTILINE)
    return referring(named, _SCHEMA)


def _file_source(account: str, tables: Sequence[Contract]) -> str:
    body = {
        "system": "files",
        "account": account,
        "settings": {"folder": DATA, "streams": [one.stream(one.path) for one in tables]},
    }
    return referring(
        "# Exports that somebody puts into data/. A stream named after a neutral table feeds it; a path may be a\n"
        "# pattern (billing/subscriptions-*.csv.gz) and end in .csv, .parquet, .xlsx or .ndjson.\n"
        f"{to_yaml(body, compact=True)}",
        _SCHEMA,
    )


def _credentials(variables: Sequence[str]) -> str:
    lines = "".join(f"export {name}=\n" for name in variables)
    return (
        "# Copy to credentials.env (git ignores it), fill in, and `source credentials.env` before a run;\n"
        "# or have your secret manager set the variables. systems/*.yml say what each one is.\n"
        f"{lines}"
    )


# ── editor, git, CI ─────────────────────────────────────────────────────────────────────────────────────────


def _editor_files() -> dict[str, str]:
    """The schemas of all files that people write here, and the setting that binds them to their folders."""
    made = {kind: schema for kind, schema in schemas().items() if kind != "pack"}
    files = {f"{FOLDER}/{kind}.json": written(schema) for kind, schema in made.items()}
    bound = {f"{FOLDER}/{kind}.json": f"/{FILES[kind]}" for kind in made}
    files[".vscode/settings.json"] = written({"yaml.schemas": bound})
    return files


_MARKER = """\
# This folder is an installation of Vitals: in it and below it, `vitals` finds its folders here. A variable of the
# environment (VITALS_HOME, VITALS_CATALOGUE, ...) wins.
catalogue = "."
sources = "systems"
staging = "staging"
home = ".vitals"
"""

_IGNORED = """\
# What runs write, what people export, and what nobody else may read.
.vitals/
data/
credentials.env
"""

_PRE_COMMIT = """\
# `pre-commit install` once; then each commit that touches a definition is held to the rules of the dictionary.
repos:
  - repo: local
    hooks:
      - id: vitals-check
        name: vitals check
        entry: vitals check . --fail-on warning
        language: system
        files: \\.ya?ml$
        pass_filenames: false
"""

_WORKFLOW = """\
# Holds every pull request to the rules of the dictionary, and says what a change means for the published numbers.
name: vitals
on: pull_request
permissions:
  contents: read
  security-events: write
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - uses: actions/setup-python@v5
        with: {python-version: "3.11"}
      - run: pip install vitals  # or from where your company keeps it
      - run: vitals check . --format sarif --output vitals.sarif --fail-on warning
      - uses: github/codeql-action/upload-sarif@v3
        if: always()
        with: {sarif_file: vitals.sarif}
      - run: vitals diff "origin/${GITHUB_BASE_REF}"
"""


# ── README ──────────────────────────────────────────────────────────────────────────────────────────────────


def _readme(
    pack: Pack,
    setup: Setup,
    catalogue: Catalogue,
    wanted: Sequence[str],
    unfed: Sequence[str],
    variables: Sequence[str],
) -> str:
    star = catalogue.metrics[pack.north_star]
    kpis = "".join(
        f"| `{name}` | {catalogue.metrics[name].label} | {_line(catalogue.metrics[name].definition)} |\n"
        for name in pack.company
    )
    steps = []
    if variables:
        steps.append(
            "Copy `credentials.env.example` to `credentials.env`, fill it in, `source credentials.env`;"
            " `vitals sources check` says whether they work."
        )
    if wanted:
        steps.append(
            f"Put exports into `{DATA}/`, in place of the templates there: {_shown(wanted)}. `vitals contracts TABLE`"
            " says what each column holds. While a file has its header only, what rests on it is `no source`."
        )
    steps += [
        "`vitals doctor` verifies the set-up step by step and says what is next.",
        "`vitals run` pulls, computes, checks and publishes; `vitals serve` shows the report.",
        "Look at the values with their owners. Where a definition is right, its owner sets `status: certified`; where"
        " it is not, change it in `metrics/`. All of them begin as `review`.",
        "Replace the first targets in `targets/` and the draft in `objectives/` by your own.",
    ]
    numbered = "".join(f"{number}. {step}\n" for number, step in enumerate(steps, 1))
    missing = (
        f"\nNothing feeds {_shown(unfed)} yet; metrics that rest on them are shown as `no source`, and the rest runs.\n"
        if unfed
        else ""
    )
    return f"""# What {setup.name} measures

{pack.label}: {pack.about} North star: **{star.label}** (`{star.name}`). {star.definition}

## First steps

{numbered}{missing}
## What is where

| folder or file | what |
|---|---|
| `metrics/` | what is measured: definition, formula, owner, cadence, direction |
| `sources/` | the tables that metrics are computed from: columns, keys, joins |
| `targets/`, `objectives/` | what each metric shall be; what we want to change this quarter |
| `teams.yml`, `calendars.yml`, `settings.yml` | who answers; how days become quarters; thresholds |
| `{SYSTEMS}/` | which account of which system is read; credentials are references |
| `staging/` | SQL of your own from a system's tables to neutral ones, `<system>/<schema>.<table>.sql` |
| `{DATA}/` | file exports; git ignores it |
| `vitals.toml` | makes this folder an installation: `vitals` finds everything by it |

`vitals check` holds the definitions to their rules (a pre-commit hook and a workflow do so, too). Editors that know
YAML schemas complete and check while one types.

## Company KPIs

| metric | | definition |
|---|---|---|
{kpis}"""


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _shown(tables: Sequence[str]) -> str:
    return ", ".join(f"`{table}`" for table in tables)
