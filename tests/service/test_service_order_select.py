"""The order-select twin: the same decision, passively, under its own id, and off unless it is switched on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import builders as b
import pytest
from actors import CheckedClient, Clock, Ehr
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from cds_service.app import close_app, create_app
from cds_service.config import Settings
from cds_service.content import Content

SELECT = "/cds-services/second-read-select"


@pytest.fixture
def both(settings: Settings, content: Content, clock: Clock) -> Iterator[Ehr]:
    """An EHR opposite a service that offers both hooks."""
    numbers = count(1)
    app = create_app(
        replace(settings, order_select=True),
        content=content,
        clock=clock,
        new_uuid=lambda: str(UUID(int=next(numbers))),
    )
    app.test_client_class = CheckedClient
    yield Ehr(app.test_client())
    close_app(app)


def selecting(*orders: dict[str, Any], selections: Any = ("ServiceRequest/order-1",), **more: Any) -> dict[str, Any]:
    """An order-select call."""
    call = b.hook(*orders, prefetch=b.prefetch(b.mri(), b.report())) | {"hook": "order-select"} | more
    call["context"]["selections"] = list(selections) if isinstance(selections, tuple) else selections
    return call


def select(ehr: Ehr, *orders: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The cards of an order-select call."""
    answer = ehr.post(selecting(*orders, **more), SELECT)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    cards: list[dict[str, Any]] = answer.get_json()["cards"]
    return cards


def sign(ehr: Ehr) -> list[dict[str, Any]]:
    """The cards of the order-sign call about the same order."""
    return ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))


def test_it_is_off_by_default(client: FlaskClient) -> None:
    """Neither discovery nor the path knows it until a site asks for it."""
    assert [each["id"] for each in client.get("/cds-services").get_json()["services"]] == ["second-read"]
    assert client.post(SELECT, json=selecting(b.fusion())).status_code == 404


def test_the_same_decision_under_its_own_id(both: Ehr) -> None:
    """Discovery lists it with the same prefetch; its card says what the card at signing says, with the same topic."""
    services = both.client.get("/cds-services").get_json()["services"]
    assert [(each["id"], each["hook"]) for each in services] == [
        ("second-read", "order-sign"),
        ("second-read-select", "order-select"),
    ]
    assert services[0]["prefetch"] == services[1]["prefetch"]
    (early,), (late,) = select(both, b.fusion()), sign(both)
    assert early["source"]["topic"] == late["source"]["topic"]
    assert (early["summary"], early["detail"]) == (late["summary"], late["detail"])
    assert early["uuid"] != late["uuid"]


def test_it_never_starts_a_cool_down(both: Ehr, clock: Clock, moved: Callable[[], None]) -> None:
    """Shown while ordering and never signed: two days later the card at signing comes; after that it is quiet."""
    assert len(select(both, b.fusion())) == 1
    moved()
    assert len(sign(both)) == 1
    moved()
    assert sign(both) == []


@pytest.fixture
def moved(clock: Clock) -> Callable[[], None]:
    """Two days pass."""

    def move() -> None:
        clock.now += timedelta(days=2)

    return move


def test_an_override_while_ordering_counts_at_signing(both: Ehr, moved: Callable[[], None]) -> None:
    """What the user answered there is not asked again later."""
    (card,) = select(both, b.fusion())
    reason = {"reason": {"code": "noChange", "system": card["overrideReasons"][0]["system"]}}
    told = both.tell(card=card["uuid"], outcome="overridden", outcomeTimestamp=b.NOW.isoformat(), overrideReason=reason)
    assert told.status_code == 200
    moved()
    assert sign(both) == []


def test_what_is_not_selected_is_background(both: Ehr) -> None:
    """A fusion in the basket that was selected earlier brings no card when something else is selected."""
    assert (
        select(both, b.fusion(), b.drug("order-2", "4053", "erythromycin"), selections=("MedicationRequest/order-2",))
        == []
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [({"hook": "order-sign"}, "$.hook"), ({"selections": "ServiceRequest/1"}, "$.context.selections")],
)
def test_another_hook_or_no_selections_is_refused(change: dict[str, Any], path: str, both: Ehr) -> None:
    """400 that names the place."""
    answer = both.post(selecting(b.fusion(), **change), SELECT)
    assert answer.status_code == 400
    assert path in answer.get_data(as_text=True)


def test_it_is_never_412(both: Ehr) -> None:
    """Where the call at signing is answered by 412, this one is silent: nobody waits for advice while ordering."""
    bare = selecting(b.fusion())
    del bare["prefetch"]
    at_signing = bare | {"hook": "order-sign"}
    assert both.post(at_signing).status_code == 412
    answer = both.post(bare, SELECT)
    assert (answer.status_code, answer.get_json()) == (200, {"cards": []})


def test_its_description_is_its_own(both: Ehr) -> None:
    """OpenAPI describes a call that names its hook and what was selected, and no 412; the service judges the same."""
    described = both.client.get("/openapi.json").get_json()
    post = described["paths"][SELECT]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/order-select-request"
    }
    assert "412" not in post["responses"]
    assert "412" in described["paths"]["/cds-services/second-read"]["post"]["responses"]
    schema = Draft202012Validator(described["components"]["schemas"]["order-select-request"])
    without = selecting(b.fusion())
    del without["context"]["selections"]
    for call in (
        selecting(b.fusion()),
        selecting(b.fusion(), selections=[7]),
        selecting(b.fusion(), selections=None),
        without,
        selecting(b.fusion(), hook="order-sign"),
        selecting(b.fusion(), hookInstance="seven"),
    ):
        assert schema.is_valid(call) == (both.post(call, SELECT).status_code == 200), call["context"].get("selections")
