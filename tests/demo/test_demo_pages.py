"""The answers that the demo EHR lives on, and that they exist in demo mode only."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.app import close_app, create_app
from cds_service.config import Settings
from cds_service.content import Content


@pytest.fixture
def demo_client(settings: Settings, content: Content) -> Iterator[FlaskClient]:
    """A client of the service in demo mode."""
    app = create_app(replace(settings, demo=True), content=content)
    yield app.test_client()
    close_app(app)


def test_without_demo_mode_there_is_no_demo(settings: Settings, content: Content) -> None:
    """A production service answers 404 under /demo."""
    app = create_app(settings, content=content)
    assert app.test_client().get("/demo/").status_code == 404
    close_app(app)


def test_the_short_address_leads_to_the_page(demo_client: FlaskClient) -> None:
    """/demo is what people type."""
    answer = demo_client.get("/demo")
    assert (answer.status_code, answer.location) == (302, "/demo/")


@pytest.mark.parametrize(
    "path", ["/demo/", "/demo/clients", "/demo/charts", "/demo/static/ehr.js", "/demo/static/ehr.css"]
)
def test_nothing_may_be_loaded_from_elsewhere(demo_client: FlaskClient, path: str) -> None:
    """Every answer carries a policy that allows this origin alone, and the page names no other."""
    answer = demo_client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert b"https://" not in answer.data.replace(b"https?://", b"")
    answer.close()


def test_the_list_names_every_patient(demo_client: FlaskClient) -> None:
    """The list of charts says who, where and what is to be signed."""
    listed = get(demo_client, "/demo/charts")
    first = listed[0]
    assert first["patient"]["name"] == "Harold Mockridge"
    assert first["patient"]["age"] == 67
    assert first["orders"] == ["Posterior lumbar fusion L4-L5"]


def test_a_chart_shows_what_is_on_file(demo_client: FlaskClient) -> None:
    """A chart has its problems, its report as text with its reader, and what must happen."""
    chart = get(demo_client, "/demo/charts/lumbar-fusion-moderate")
    assert chart["problems"] == ["Lumbar spinal stenosis"]
    assert "IMPRESSION" in chart["imaging"][0]["text"]
    assert chart["imaging"][0]["reader"] == "Dr. Simon Placeholt, diagnostic radiology"
    assert chart["expected"]["card"]["reader"] == "neuroradiology"


def test_each_composed_request_is_a_new_hook_instance(demo_client: FlaskClient) -> None:
    """Two requests for one chart differ in their hook instance and carry every prefetch key of discovery."""
    path = "/demo/charts/lumbar-fusion-moderate/request"
    first, second = get(demo_client, path), get(demo_client, path)
    assert first["hookInstance"] != second["hookInstance"]
    service = get(demo_client, "/cds-services")["services"][0]
    assert first["prefetch"].keys() == service["prefetch"].keys()


@pytest.mark.parametrize("path", ["/demo/charts/nobody", "/demo/charts/nobody/request"])
def test_an_unknown_chart_is_not_found(demo_client: FlaskClient, path: str) -> None:
    """A chart that is not there is 404."""
    assert demo_client.get(path).status_code == 404


def test_an_unknown_hook_instance_has_no_verdicts(demo_client: FlaskClient) -> None:
    """Asking why about a call that was never made tells of nothing."""
    assert get(demo_client, "/demo/why/11111111-2222-3333-4444-555555555555") == {"verdicts": []}


def get(client: FlaskClient, path: str) -> Any:
    """The JSON at a path."""
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.json


def test_one_card_stands_side_by_side_for_each_client(demo_client: FlaskClient) -> None:
    """Every profile shows the same summary; what each loses is told, and the full card loses nothing."""
    shown = get(demo_client, "/demo/charts/lumbar-fusion-moderate/clients")
    cards = {each["name"]: each for each in shown["cards"]}
    assert list(cards) == ["reference", "epic", "athena", "oracle", "unknown"]
    assert len({each["card"]["summary"] for each in cards.values()}) == 1
    assert cards["reference"]["lost"] == []
    assert any("study" in lost for lost in cards["epic"]["lost"])
    assert any("no button" in lost for lost in cards["oracle"]["lost"])
    assert shown["patient"] == "Harold Mockridge"


def test_silence_is_the_same_everywhere(demo_client: FlaskClient) -> None:
    """A chart without a card has none in any EHR."""
    assert get(demo_client, "/demo/charts/lumbar-neuroradiologist-read/clients")["cards"] == []
