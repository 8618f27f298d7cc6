"""Surgical orders that nothing recognised are counted by code, and nothing else of them is kept."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from actors import Clock
from click.testing import CliRunner
from flask import Flask

from cds_service.__main__ import main
from cds_service.content import Content
from cds_service.gather import missed_orders, orders
from cds_service.model import HookRequest
from cds_service.unmatched import MOST, NO_CODE, OTHERS, UnmatchedOrders

SNOMED = "http://snomed.info/sct"
SURGICAL = [{"coding": [{"system": SNOMED, "code": "387713003"}]}]
LOCAL = "urn:example:hospital:orders"


def basket(content: Content, *resources: dict[str, Any]) -> Any:
    """The basket of a call with these draft orders."""
    entries = tuple(
        {"resource": {"resourceType": "ServiceRequest", "id": f"o{n}", "status": "draft", "intent": "order",
                      "subject": {"reference": "Patient/p"}, **resource}}
        for n, resource in enumerate(resources)
    )  # fmt: skip
    call = HookRequest("5c3e9f0c-0000-4000-8000-000000000000", "Practitioner/a", "p", None, entries, {}, None)
    return orders(call, content.value_sets)


@pytest.fixture
def counts(tmp_path: Path, clock: Clock) -> UnmatchedOrders:
    """Counts on a fresh file."""
    return UnmatchedOrders(f"sqlite:///{tmp_path}/counts.db", clock)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({"category": SURGICAL, "code": {"coding": [{"system": LOCAL, "code": "SX-9"}]}}, (LOCAL, "SX-9")),
        ({"category": [{"text": "Surgical procedures"}], "code": {"coding": [{"system": LOCAL, "code": "7"}]}},
         (LOCAL, "7")),
        ({"category": SURGICAL, "code": {"text": "Repair for Ms Example"}}, ("", "")),
        ({"code": {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": "0YQ50ZZ"}]}},
         ("http://www.cms.gov/Medicare/Coding/ICD10", "0YQ50ZZ")),
        ({"code": {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": "B020ZZZ"}]}}, None),
        ({"code": {"coding": [{"system": LOCAL, "code": "LAB-1"}], "text": "Blood count"}}, None),
        ({"category": [{"text": "Imaging"}], "code": {"coding": [{"system": LOCAL, "code": "CT-1"}]}}, None),
        ({"category": SURGICAL, "code": {"coding": [{"system": SNOMED, "code": "50172003"}]}}, None),
        ({"category": SURGICAL, "code": {"text": "Lumbar fusion L4-L5"}}, None),
    ],
)  # fmt: skip
def test_which_orders_are_missed(content: Content, order: dict[str, Any], found: tuple[str, str] | None) -> None:
    """Surgery by category or section that no list knows is missed; what is recognised, or is no surgery, is not."""
    assert missed_orders(basket(content, order)).surgery == ((found,) if found else ())


@pytest.mark.parametrize(
    ("order", "counted"),
    [
        ({"code": {"coding": [{"system": LOCAL, "code": "SX-9"}], "text": "Repair"}}, True),
        ({"code": {"coding": [{"code": "SX-9"}]}}, True),
        ({"code": {"coding": [{"system": SNOMED, "code": "900000001"}]}}, True),
        ({"code": {"text": "Repair of something"}}, False),
        ({"category": [{"text": "Imaging"}], "code": {"coding": [{"system": LOCAL, "code": "SX-9"}]}}, False),
        ({"category": SURGICAL, "code": {"coding": [{"system": LOCAL, "code": "SX-9"}]}}, False),
        ({"code": {"coding": [{"system": LOCAL, "code": "L1"}, {"system": "http://loinc.org", "code": "718-7"}]}},
         False),
        ({"code": {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/ICD10", "code": "B020ZZZ"}]}}, False),
        ({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"coding": [{"system": LOCAL,
          "code": "DRUG-1"}]}}, False),
        ({"code": {"coding": [{"system": SNOMED, "code": "50172003"}]}}, False),
    ],
)  # fmt: skip
def test_which_orders_tell_no_kind(content: Content, order: dict[str, Any], counted: bool) -> None:
    """Coded, unrecognised, without a category and by no system that tells: counted apart. All else is not."""
    found = missed_orders(basket(content, order)).unclassified
    assert bool(found) is counted
    assert counted <= (found == ((order["code"]["coding"][0].get("system", ""), order["code"]["coding"][0]["code"]),)
                       if counted else True)  # fmt: skip


def test_the_two_lists_are_apart(
    app: Flask, ehr: Any, runner: CliRunner, tmp_path: Path, request_with: Callable[..., dict[str, Any]]
) -> None:
    """Signed through the service: surgery in the first list, what tells no kind in the second, and in no other."""
    client = app.test_client()
    client.post("/cds-services/second-read", json=request_with("SX-1", "Repair"))
    bare = request_with("OR-2", "Repair of Ms Example")
    del bare["context"]["draftOrders"]["entry"][0]["resource"]["category"]
    client.post("/cds-services/second-read", json=bare)
    for name in ("unmatched", "unclassified"):
        app.extensions["second-read"][name].write()
    environment = {"SECOND_READ_AUTH": "off", "SECOND_READ_DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db"}
    ended = runner.invoke(main, ["orders", "unmatched", "--json"], env=environment)
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.output)
    assert [one["code"] for one in told["unmatched"]] == ["SX-1"]
    assert [one["code"] for one in told["unclassified"]["unmatched"]] == ["OR-2"]
    assert "Example" not in ended.output
    shown = runner.invoke(main, ["orders", "unmatched"], env=environment).output
    assert shown.index("SX-1") < shown.index("OR-2")


def test_counts_add_up_over_processes(counts: UnmatchedOrders, tmp_path: Path, clock: Clock) -> None:
    """Two processes add to one table; the most frequent stands first, with its first and last day."""
    counts.count([(LOCAL, "A"), (LOCAL, "A"), (LOCAL, "B")])
    assert counts.write()
    clock.now += timedelta(days=3)
    other = UnmatchedOrders(f"sqlite:///{tmp_path}/counts.db", clock)
    other.count([(LOCAL, "B"), (LOCAL, "B")])
    assert other.write()
    first, second = counts.listed()
    assert (first.code, first.count, second.code, second.count) == ("B", 3, "A", 2)
    assert first.first_day < first.last_day == clock.now.date().isoformat()
    for each in (counts, other):
        each.close()


def test_words_are_not_kept(counts: UnmatchedOrders, tmp_path: Path) -> None:
    """What looks like a sentence, a name or an identifier with blanks is counted as having no code."""
    counts.count([(LOCAL, "repair for Ms Example"), (LOCAL, "x" * 200), ("", ""), (LOCAL, "Müller")])
    counts.close()
    with closing(sqlite3.connect(tmp_path / "counts.db")) as table:
        kept = table.execute("select system, code, count from unmatched_orders").fetchall()
    assert kept == [(*NO_CODE, 4)]


def test_the_table_is_bounded(counts: UnmatchedOrders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most codes the rest is counted together, in memory and in the table; no count is lost."""
    monkeypatch.setattr("cds_service.unmatched.MOST", 3)
    assert MOST == 5_000
    for start in (0, 5):
        counts.count([(LOCAL, str(n)) for n in range(start, start + 5)])
        assert counts.write()
    listed = counts.listed()
    assert sum(one.count for one in listed) == 10
    assert len(listed) <= 4
    assert any((one.system, one.code) == OTHERS for one in listed)
    counts.close()


def test_a_database_that_cannot_be_written_loses_nothing(counts: UnmatchedOrders, tmp_path: Path) -> None:
    """Counts wait while the table cannot be written, and are written once it can."""
    (tmp_path / "counts.db").mkdir()
    counts.count([(LOCAL, "A")])
    assert not counts.write()
    (tmp_path / "counts.db").rmdir()
    assert counts.write()
    assert [(one.code, one.count) for one in counts.listed()] == [("A", 1)]
    counts.close()


def test_a_site_sees_what_it_misses(
    app: Flask, ehr: Any, runner: CliRunner, tmp_path: Path, request_with: Callable[..., dict[str, Any]]
) -> None:
    """A surgical order signed under an unknown code is listed by `second-read orders unmatched`; its words are not."""
    answered = app.test_client().post("/cds-services/second-read", json=request_with("SX-4711", "Repair of Ms Example"))
    assert answered.json == {"cards": []}
    app.extensions["second-read"]["unmatched"].write()
    environment = {"SECOND_READ_AUTH": "off", "SECOND_READ_DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db"}
    ended = runner.invoke(main, ["orders", "unmatched", "--json"], env=environment)
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.output)
    assert [(one["system"], one["code"], one["count"]) for one in told["unmatched"]] == [(LOCAL, "SX-4711", 1)]
    assert "Example" not in ended.output
    assert "SX-4711" in runner.invoke(main, ["orders", "unmatched"], env=environment).output


@pytest.fixture
def request_with() -> Callable[..., dict[str, Any]]:
    """An order-sign call with one surgical order under a local code."""

    def make(code: str, words: str) -> dict[str, Any]:
        order = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "order",
                 "subject": {"reference": "Patient/p"}, "category": SURGICAL,
                 "code": {"coding": [{"system": LOCAL, "code": code}], "text": words}}  # fmt: skip
        drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
        context = {"userId": "Practitioner/a", "patientId": "p", "draftOrders": drafts}
        return {"hook": "order-sign", "hookInstance": "5c3e9f0c-9a1d-4f7e-8a52-1d1f0a3c7b11", "context": context}

    return make
