"""Each EHR's way of answering FHIR reads, proved on a real server behind a door that answers as that EHR does."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from parts.charts import KEYS, Chart, everywhere, fusion_chart, pointing
from parts.processes import Served
from parts.sekmet import Ehr

PREFETCH: dict[str, Callable[[Chart], dict[str, Any] | None]] = {
    "full": lambda chart: chart.prefetch(),
    "null": lambda chart: dict.fromkeys(KEYS),
    "missing": lambda chart: None,
    "misshapen": lambda chart: dict(zip(KEYS, itertools.cycle(["<html>", [], {"entry": 3}, 7]), strict=False)),
}
POINTING = ("relative", "absolute", "logical", "contained")
DIALECTS = ("plain", "epic", "oracle", "firely")
TOKENS = ("ok", "expired", "narrow", "none")
MATRIX = list(itertools.product(PREFETCH, POINTING, DIALECTS, TOKENS))


@pytest.fixture(scope="module")
def charts(doors: dict[str, Ehr]) -> dict[tuple[str, ...], Chart]:
    """A patient of its own for each cell, all on the server."""
    found = {cell: pointing(everywhere(fusion_chart()), cell[1], doors[cell[2]].base) for cell in MATRIX}
    doors["plain"].load(resource for cell, chart in found.items() if cell[0] != "full" for resource in chart.resources)
    return found


@pytest.fixture(scope="module")
def tokens(doors: dict[str, Ehr]) -> dict[str, str | None]:
    """What an EHR may hand over."""
    door = doors["plain"]
    return {"ok": door.token(), "expired": door.expired(), "narrow": door.token("narrow"), "none": None}


@pytest.mark.parametrize(("prefetch", "how", "dialect", "token"), MATRIX, ids=map("-".join, MATRIX))
def test_every_combination(
    prefetch: str,
    how: str,
    dialect: str,
    token: str,
    charts: dict[tuple[str, ...], Chart],
    doors: dict[str, Ehr],
    tokens: dict[str, str | None],
    patient_service: Served,
) -> None:
    """With prefetch or a good token the card comes; a token that opens nothing is a 412, one for little silence."""
    chart = charts[prefetch, how, dialect, token]
    scope = "patient/Patient.rs" if token == "narrow" else "user/*.rs"
    request = chart.request(PREFETCH[prefetch](chart), fhir=doors[dialect].base, token=tokens[token], scope=scope)
    answer = patient_service.sign(request)
    if prefetch == "full" or token == "ok":
        assert (answer.status_code, len(answer.json().get("cards", []))) == (200, 1), answer.text
    elif token == "narrow":
        assert (answer.status_code, answer.json()) == (200, {"cards": []})
    else:
        assert answer.status_code == 412
        assert "imagingStudies" in answer.text


def gathered(
    doors: dict[str, Ehr], service: Served, dialect: str, **how: Any
) -> tuple[list[str], list[dict[str, Any]]]:
    """The paths asked for through one door without prefetch, and the cards."""
    chart = everywhere(fusion_chart())
    door = doors[dialect]
    door.load(chart.resources)
    mark = door.mark()
    cards = service.cards(chart.request(fhir=door.base, token=door.token(), **how))
    return [query.path for query in door.queries(mark)], cards


def test_epic_reports_are_read_from_their_results(doors: dict[str, Ehr], patient_service: Served) -> None:
    """Report text that stands in Observations alone is fetched in one more wave, and quoted on the card."""
    paths, (card,) = gathered(doors, patient_service, "epic")
    assert len([path for path in paths if path.startswith("Observation/")]) == 2
    assert "Moderate central canal stenosis at L4-L5" in card["detail"]
    assert not [path for path in paths if "_include" in path]


def test_oracle_needs_no_imaging_study(doors: dict[str, Ehr], patient_service: Served) -> None:
    """Without ImagingStudy the report tells the study; its words come from the HTML Binary, whatever the others are."""
    paths, (card,) = gathered(doors, patient_service, "oracle")
    assert len([path for path in paths if path.startswith("Binary/")]) == 3
    assert "Moderate central canal stenosis at L4-L5" in card["detail"]
    assert not [path for path in paths if "date=" in path]
    (info,) = card["suggestions"][0]["actions"][0]["resource"]["supportingInfo"]
    assert info["reference"].startswith("DiagnosticReport/")


def test_oracle_searches_are_put_again_without_sort(doors: dict[str, Ehr], patient_service: Served) -> None:
    """A parameter that the server refuses costs one more round, not the resource."""
    paths, _ = gathered(doors, patient_service, "oracle")
    orders = [path for path in paths if path.startswith("ServiceRequest?")]
    assert len(orders) == 1  # the refused one never reached the real server
    assert "_sort" not in orders[0]


def test_oracle_pages_of_ten_are_followed_to_the_report(doors: dict[str, Ehr], patient_service: Served) -> None:
    """Thirty newer reports fill three pages of ten; the one that matters is still found."""
    chart = everywhere(fusion_chart())
    (report,) = chart.of("DiagnosticReport")
    newer = [
        {"resourceType": "DiagnosticReport", "id": f"n{number:02}{report['id']}", "status": "final"}
        | {"subject": report["subject"], "effectiveDateTime": report["issued"], "code": {"text": "Blood count"}}
        for number in range(30)
    ]
    door = doors["oracle"]
    door.load([*newer, *chart.resources])
    mark = door.mark()
    assert len(patient_service.cards(chart.request(fhir=door.base, token=door.token()))) == 1
    assert len([q for q in door.queries(mark) if q.path.startswith("DiagnosticReport")]) >= 2


def test_orders_with_ids_of_150_characters(doors: dict[str, Ehr], patient_service: Served) -> None:
    """Unsigned orders of Epic carry such ids: they are echoed, never parsed, and never asked for."""
    chart = everywhere(fusion_chart())
    door = doors["epic"]
    door.load(chart.resources)
    long = "eRx." + "a-Z0" * 37
    mark = door.mark()
    order = chart.order | {"id": long}
    (card,) = patient_service.cards(chart.request(orders=[order], fhir=door.base, token=door.token()))
    assert card["extension"]["davinci-crd.associated-resource"] == [{"reference": f"ServiceRequest/{long}"}]
    assert not [q for q in door.queries(mark) if long in q.path]


def test_a_token_without_one_scope_costs_that_resource_alone(doors: dict[str, Ehr], patient_service: Served) -> None:
    """What the scopes leave out is not even asked for; the rest is, and the card comes."""
    scope = " ".join(f"user/{kind}.read" for kind in {*KEYS.values()} - {"Procedure"})
    paths, cards = gathered(doors, patient_service, "plain", scope=scope)
    assert len(cards) == 1
    assert not [path for path in paths if path.startswith("Procedure")]
    epic = "Observation.Read (Labs) (R4) ServiceRequest.Read (Unsigned Order) (R4)"
    paths, cards = gathered(doors, patient_service, "epic", scope=epic)
    assert len(cards) == 1
    assert [path for path in paths if path.startswith("Procedure")]


def test_a_stripped_request_says_what_to_look_at(patient_service: Served) -> None:
    """Epic strips a call to an address that is not exactly the registered one: 400 that names what is missing."""
    body = {"hook": "order-sign", "hookInstance": "0d0f9ac0-6f53-4a52-9d2d-4b7f4ad2f1f3", "context": {}}
    started = time.monotonic()
    answer = patient_service.sign(body)
    assert answer.status_code == 400
    assert "draftOrders" in answer.text
    assert "exactly" in answer.text
    assert time.monotonic() - started < 1
