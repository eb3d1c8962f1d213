"""Tryton, a real ERP, through a vendor module of one's own: `examples/tryton`, two hundred lines.

    python -m pytest --tier systems tests/tiers/systems

Parties are made, changed, deactivated and deleted by Tryton's own JSON-RPC, and become rows of `crm.accounts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.config import load_source
from connectors.errors import ConfigurationError, PermissionMissing, RequestRefused
from connectors.operations import check_source, preview_stream
from connectors.registry import system_of
from connectors.runtime import Runtime
from tests.programs import run, serving
from tests.servers import free_port
from tests.tiers.environments import environment_of
from tests.tiers.systems.company import EXAMPLES, Company

pytestmark = [pytest.mark.tier("systems"), pytest.mark.timeout(900)]
HERE = Path(__file__).parent
TRYTON = EXAMPLES / "tryton"
PASSWORD = "canary-tryton-Pw7"
DATABASE = "shop"


class Tryton:
    """The ERP as its users see it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, model: str, method: str, *arguments: Any) -> Any:
        body = {"id": 1, "method": f"model.{model}.{method}", "params": [*arguments, {"active_test": False}]}
        answer = requests.post(f"{self.url}/rpc/", json=body, auth=("admin", PASSWORD), timeout=30)
        assert answer.ok, (model, method, answer.text)
        content = answer.json()
        assert "error" not in content, content["error"]
        return content["result"]

    def country(self, code: str) -> int:
        (number,) = self("country.country", "create", [{"name": code, "code": code}])
        return int(number)

    def party(self, name: str, **fields: Any) -> int:
        (number,) = self("party.party", "create", [{"name": name, "addresses": [], **fields}])
        return int(number)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The programs, and a folder with a fresh database in it."""
    programs, folder = environment_of(HERE / "tryton.txt"), tmp_path_factory.mktemp("tryton")
    (folder / "db").mkdir()
    (folder / "db" / f"{DATABASE}.sqlite").touch()
    (folder / "password").write_text(PASSWORD)
    (folder / "tryton.ini").write_text(f"[database]\nuri = sqlite://\npath = {folder / 'db'}\n")
    admin = [str(programs / "trytond-admin"), "-c", "tryton.ini", "-d", DATABASE, "--email", "a@example.org"]
    password = str(folder / "password")
    run([*admin, "-u", "party", "--activate-dependencies"], folder, TRYTONPASSFILE=password)
    return programs, folder


@pytest.fixture
def tryton(made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tryton]:
    programs, original = made
    (tmp_path / "db").mkdir()
    database = tmp_path / "db" / f"{DATABASE}.sqlite"
    database.write_bytes((original / "db" / f"{DATABASE}.sqlite").read_bytes())
    port = free_port()
    (tmp_path / "tryton.ini").write_text(
        f"[database]\nuri = sqlite://\npath = {tmp_path / 'db'}\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
    with serving([str(programs / "trytond"), "-c", "tryton.ini", "-d", DATABASE], tmp_path, port) as url:
        monkeypatch.setenv("TRYTON_URL", f"{url}/{DATABASE}")
        monkeypatch.setenv("TRYTON_USER", "admin")
        monkeypatch.setenv("TRYTON_PASSWORD", PASSWORD)
        monkeypatch.syspath_prepend(TRYTON)
        yield Tryton(f"{url}/{DATABASE}")


@pytest.fixture
def company(tryton: Tryton, tmp_path: Path) -> Company:
    return Company(tmp_path / "home", TRYTON / "tryton.yml", TRYTON / "staging")


def accounts(company: Company) -> dict[str, tuple[str, str | None, bool]]:
    rows = company.rows("SELECT account_id, name, region, is_deleted FROM crm.accounts")
    return {row["account_id"]: (row["name"], row["region"], row["is_deleted"]) for row in rows}


def test_parties_arrive_change_and_vanish(tryton: Tryton, company: Company) -> None:
    report = company.check()
    assert report.ok, report
    assert "groups" in report.said
    germany, brazil = tryton.country("DE"), tryton.country("BR")
    many = [{"name": f"Customer {n}", "addresses": []} for n in range(450)]  # three pages
    numbers = [str(number) for number in tryton("party.party", "create", many)]
    address = ["create", [{"country": germany, "street": "canary-street 5"}]]
    one = tryton.party("Acme", addresses=[address])
    first = company.pull()
    assert first["parties"].rows == 451
    assert accounts(company)[str(one)] == ("Acme", "emea", False)
    assert set(accounts(company)) == {*numbers, str(one)}

    tryton("party.party", "write", [one], {"name": "Acme Worldwide"})
    (place,) = tryton("party.address", "search", [["party", "=", one]], 0, None, None)
    tryton("party.address", "write", [place], {"country": brazil})
    hidden, gone = int(numbers[0]), int(numbers[1])
    tryton("party.party", "write", [hidden], {"active": False})
    new = tryton.party("New one")
    tryton("party.party", "delete", [gone])
    second = company.pull()
    assert second["parties"].facts["mode"] == "incremental"
    found = accounts(company)
    assert found[str(one)] == ("Acme Worldwide", "latam", False)
    assert found[str(new)] == ("New one", None, False)
    assert str(hidden) in found  # a deactivated party is hidden from a plain search, and is no deleted one
    (row,) = company.rows(f"SELECT is_active, updated_at FROM tryton.parties WHERE party_id = '{hidden}'")
    assert row["is_active"] is False
    assert found[str(gone)][2] is False  # nothing says so yet

    company.pull(days=1.1)  # keys are compared once a day
    assert [number for number, account in accounts(company).items() if account[2]] == [str(gone)]
    everything = b"".join(path.read_bytes() for path in company.workspace.home.rglob("*") if path.is_file())
    assert b"canary" not in everything  # neither the street nor the password


def test_a_record_that_was_never_edited_moves_by_its_creation(tryton: Tryton, company: Company) -> None:
    party = tryton.party("First")
    tryton("party.address", "create", [{"party": party, "country": tryton.country("FR")}])
    company.pull()
    assert company.rows("SELECT updated_at FROM tryton.addresses") == [{"updated_at": None}]
    # write_date is null: a filter by it alone would never see the second one.
    (second,) = tryton("party.address", "create", [{"party": party, "country": tryton.country("JP")}])
    pulled = company.pull()["addresses"]
    assert pulled.facts["mode"] == "incremental"
    rows = company.rows("SELECT address_id, country, updated_at FROM tryton.addresses ORDER BY country")
    assert [row["country"] for row in rows] == ["FR", "JP"]
    assert rows[1] == {"address_id": str(second), "country": "JP", "updated_at": None}


def test_an_error_at_status_200_is_an_error(
    tryton: Tryton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = load_source(TRYTON / "tryton.yml")
    runtime = Runtime(clock=lambda: datetime.now(UTC))
    wrong = source.model_copy(update={"options": {"model": "party.animal"}})
    with pytest.raises(RequestRefused) as refused:
        preview_stream(wrong, "parties", runtime)
    assert "Traceback" not in str(refused.value)
    tryton("res.user", "create", [{"name": "Guest", "login": "guest", "password": "canary-guest-Pw7"}])
    tryton("ir.model.access", "create", [{"model": "party.party", "perm_read": False}])
    monkeypatch.setenv("TRYTON_USER", "guest")
    monkeypatch.setenv("TRYTON_PASSWORD", "canary-guest-Pw7")
    report = check_source(source, runtime)
    assert {line.stream for line in report.streams if not line.ok} >= {"parties"}
    with pytest.raises(PermissionMissing, match="not allowed"):
        preview_stream(source, "parties", runtime)
    monkeypatch.setenv("TRYTON_PASSWORD", "canary-wrong")
    report = check_source(source, runtime)
    assert not report.ok
    assert "401" in report.said
    assert "canary" not in str(report)


def test_a_module_that_is_not_there_is_named(tryton: Tryton) -> None:
    source = load_source(TRYTON / "tryton.yml")
    for module, said in (("no_such_vendor", "cannot be imported"), ("json", "has no SYSTEM")):
        wrong = source.model_copy(update={"settings": {"kind": "module", "module": module}})
        report = check_source(wrong, Runtime(clock=lambda: datetime.now(UTC)))
        assert not report.ok
        assert said in report.said
    strange = source.model_copy(update={"settings": {"kind": "module", "module": "os; import"}})
    with pytest.raises(ConfigurationError, match="module"):
        system_of(strange)
