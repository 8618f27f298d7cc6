"""Quiet rules over HTTP: what silences a rule that is met, and that the record of the decision says so."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import builders as b
import pytest
from actors import CheckedClient, Clock, Ehr
from flask import Flask

from cds_service.app import close_app, create_app
from cds_service.config import Settings
from cds_service.content import Content
from cds_service.ledger import ledger_keys
from cds_service.ledger.operations import opt_out_row, rule_row
from cds_service.ledger.store import Store
from cds_service.site import Arm, Site, SiteStatus
from cds_service.workbench.opened_ledger import add_operation

PLACE = {"resourceType": "Encounter", "id": "e1", "status": "in-progress", "class": {"code": "AMB"},
         "subject": {"reference": f"Patient/{b.PATIENT}"}, "serviceProvider": {"reference": "Organization/hospital"},
         "location": [{"location": {"reference": "Location/clinic-7"}}]}  # fmt: skip
numbers = count(1)


@pytest.fixture
def serving(settings: Settings, content: Content, clock: Clock) -> Iterator[Callable[..., tuple[Ehr, Flask]]]:
    """Start a service with other settings or site facts, on the same ledger."""
    apps: list[Flask] = []

    def start(site: Site | None = None, **more: Any) -> tuple[Ehr, Flask]:
        served = replace(content, site=site) if site else content
        made = create_app(
            replace(settings, **more), content=served, clock=clock, new_uuid=lambda: str(UUID(int=next(numbers)))
        )
        made.test_client_class = CheckedClient
        apps.append(made)
        return Ehr(made.test_client()), made

    yield start
    for each in apps:
        close_app(each)


def sign(
    ehr: Ehr,
    patient: str = b.PATIENT,
    encounter: str = "enc-1",
    user: str = "Practitioner/1",
    order: str = "order-1",
    study: str = "study-1",
) -> tuple[list[Any], str]:
    """One fusion on moderate stenosis, which warns wherever nothing keeps it quiet: (cards, hook instance)."""
    instance = str(UUID(int=next(numbers)))
    sent = b.prefetch(b.mri(study), b.report(study=study)) | {"encounter": PLACE | {"id": encounter}}
    body = b.hook(b.fusion(order), prefetch=sent, hookInstance=instance)
    body["context"] |= {"userId": user, "encounterId": encounter}
    cards: list[Any] = ehr.post(_as(body, patient)).get_json()["cards"]
    return cards, instance


def _as(body: Any, patient: str) -> Any:
    """The same call about another patient, whose id stands wherever the first one's did."""
    return json.loads(json.dumps(body).replace(b.PATIENT, patient))


def silent(app: Flask, instance: str) -> tuple[str, str]:
    """(status, why) of the rule about fusions in the record of that call."""
    ledger = app.extensions["second-read"]["ledger"]
    ledger.flush()
    told = next(each for each in ledger.verdicts(instance) if each["rule"] == "spine-fusion")
    return told["status"], told["silent_because"] or ""


def test_a_rule_switched_off_is_decided_recorded_and_not_shown(serving: Any, settings: Settings, clock: Clock) -> None:
    """A row of another process takes hold in a running service without a restart, and ends with `on`."""
    ehr, app = serving()
    assert sign(ehr)[0]
    switch(app, settings, rule_row("rule-off", "spine-fusion", by="Ada", reason="reviewed", at=clock.now))
    cards, instance = sign(ehr, "p2")
    assert cards == []
    assert silent(app, instance) == ("silent", "switched-off")
    assert ehr.client.get("/readyz").get_json()["silent"] == {"spine-fusion": "switched-off"}
    switch(app, settings, rule_row("rule-on", "spine-fusion", by="Ada", reason="mended", at=clock.now))
    assert sign(ehr, "p3")[0]


def switch(app: Flask, settings: Settings, row: dict[str, Any]) -> None:
    """Write a row as the command line does, and let the service's own thread look at it now."""
    keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
    store = Store(settings.database_url, keys)
    add_operation(store, row)
    store.close()
    ledger = app.extensions["second-read"]["ledger"]
    ledger._operating._read_at = 0.0  # five seconds have passed
    ledger.flush()


def test_the_kill_switch_stops_every_rule_until_its_last_day(serving: Any, settings: Settings, clock: Clock) -> None:
    """`all` silences everything; a switch with an end comes back by itself."""
    ehr, app = serving()
    end = clock.now + b.timedelta(days=2)
    switch(app, settings, rule_row("rule-off", "", by="Ada", reason="upgrade", at=clock.now, until=end))
    assert sign(ehr)[0] == []
    clock.now = end
    assert sign(ehr, "p2")[0]


def test_who_has_opted_out_sees_no_card_until_the_last_day(serving: Any, settings: Settings, clock: Clock) -> None:
    """One user is spared; others are not; the verdict names the opt-out, and never the user."""
    ehr, app = serving()
    keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
    end = clock.now + b.timedelta(days=10)
    row = opt_out_row(
        keys, rule="spine-fusion", owner="chief", reason="study", at=clock.now, until=end, reference="Practitioner/9"
    )
    assert "Practitioner/9" not in str(row)
    switch(app, settings, row)
    cards, instance = sign(ehr, user="Practitioner/9")
    assert (cards, silent(app, instance)) == ([], ("silent", "opt-out"))
    assert sign(ehr, "p2", user="Practitioner/1")[0]
    clock.now = end
    assert sign(ehr, "p3", user="Practitioner/9")[0]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (SiteStatus("spine-fusion", "silent", "pilot", place="Location/clinic-7"), "silent"),
        (SiteStatus("", "silent", "pilot", group="residents"), "silent"),
        (SiteStatus("spine-fusion", "retired", "pilot", client="anonymous"), None),
        (SiteStatus("spine-fusion", "silent", "pilot", place="Location/elsewhere"), "active"),
    ],
)
def test_a_site_sets_the_status_by_client_place_and_group(
    line: SiteStatus, status: str | None, serving: Any, content: Content
) -> None:
    """Silent where it fits; retired means that it is not even decided; elsewhere as the file says."""
    site = replace(content.site, statuses=(line,), groups={"residents": frozenset({"Practitioner/1"})})
    ehr, app = serving(site)
    cards, instance = sign(ehr, encounter="e1")
    ledger = app.extensions["second-read"]["ledger"]
    ledger.flush()
    told = [each for each in ledger.verdicts(instance) if each["rule"] == "spine-fusion"]
    assert [each["status"] for each in told] == ([status] if status else [])
    assert status is None or bool(cards) is (status == "active")


def test_the_narrower_status_wins(serving: Any, content: Content) -> None:
    """Silent for all, active in one clinic: a pilot."""
    lines = (
        SiteStatus("spine-fusion", "active", "pilot", place="Location/clinic-7"),
        SiteStatus("", "silent", "start"),
    )
    ehr, _ = serving(replace(content.site, statuses=lines))
    assert sign(ehr, encounter="e1")[0]


def test_an_arm_is_the_same_for_every_call_of_an_encounter(serving: Any, content: Content) -> None:
    """About half of the encounters are silent, the same one always, and each verdict names its arm."""
    arm = Arm("trial-1", "spine-fusion", 50, "approved")
    ehr, app = serving(replace(content.site, arms=(arm,)))
    ledger = app.extensions["second-read"]["ledger"]
    shown = {}
    for number in range(24):
        cards, instance = sign(ehr, f"p{number}", encounter=f"e{number}")
        ledger.flush()
        told = next(each for each in ledger.verdicts(instance) if each["rule"] == "spine-fusion")
        assert told["arm"] == ("trial-1:shown" if cards else "trial-1:silent")
        assert (told["silent_because"] == "arm") is not bool(cards)
        assert bool(sign(ehr, f"p{number}", encounter=f"e{number}")[0]) is bool(cards)
        shown[number] = bool(cards)
    assert 5 <= sum(shown.values()) <= 19
    ended = replace(content.site, arms=(replace(arm, until=date(2000, 1, 1)),))
    assert sign(serving(ended)[0], "p99", encounter="e99")[0]


def test_one_clinician_is_shown_one_card_a_day(serving: Any, clock: Clock) -> None:
    """The second patient's card is recorded as silent, for that reason; a day later another is shown."""
    ehr, app = serving(cards_per_clinician=1)
    assert sign(ehr)[0]
    cards, instance = sign(ehr, "p2")
    assert (cards, silent(app, instance)) == ([], ("silent", "clinician-budget"))
    assert sign(ehr, "p3", user="Practitioner/2")[0]
    clock.now += b.timedelta(hours=24, minutes=1)
    assert sign(ehr, "p4")[0]


def test_signing_again_is_no_second_card(serving: Any, clock: Clock) -> None:
    """Decision 8 holds within the budgets: the same decision shows the same card, as often as it is signed."""
    ehr, _ = serving(cards_per_clinician=1, cards_per_encounter=1)
    assert [len(sign(ehr, encounter="e1")[0]) for _ in range(3)] == [1, 1, 1]


def test_one_encounter_sees_one_card_on_whichever_machine(serving: Any) -> None:
    """Two services on one database: what one has shown counts for the other, whoever signs."""
    one, app = serving(cards_per_encounter=1)
    assert sign(one, encounter="e1")[0]
    app.extensions["second-read"]["ledger"].flush()
    other, other_app = serving(cards_per_encounter=1)
    cards, instance = sign(other, encounter="e1", user="Practitioner/2", order="order-2")
    assert (cards, silent(other_app, instance)) == ([], ("silent", "encounter-budget"))


def test_a_rule_over_its_budget_goes_silent_and_says_so(serving: Any, clock: Clock) -> None:
    """Four orders, four cards, 50 in 100 allowed: a row, readiness and the verdict say so; `on` counts anew."""
    ehr, app = serving(rule_budget_percent=50, rule_budget_orders=4, rule_budget_days=28)
    ledger = app.extensions["second-read"]["ledger"]
    for number in range(4):
        assert sign(ehr, f"p{number}")[0]
        assert ledger.flush()
    assert ehr.client.get("/readyz").get_json()["silent"] == {"spine-fusion": "rule-budget"}
    cards, instance = sign(ehr, "p9")
    assert (cards, silent(app, instance)) == ([], ("silent", "rule-budget"))
    (switched,) = ledger.state.switched(clock.now)
    assert "more than 50 in 100" in switched.reason


@pytest.mark.parametrize(
    ("code", "effect", "queued"),
    [("wrong", "review", 1), ("urgent", "quiet-for-encounter", 0), ("99", "quiet-for-study", 0)],
)
def test_a_reason_has_its_effect_on_record(
    code: str, effect: str, queued: int, ehr: Ehr, app: Flask, clock: Clock, settings: Settings
) -> None:
    """The effect is the one of override-reasons.yaml when it was given; `wrong` is queued for review, once."""
    (card,), _ = sign(ehr)
    for _ in range(2):
        assert override(ehr, card, code, clock).status_code == 200
    import sqlalchemy as sa

    with sa.create_engine(settings.database_url).connect() as connection:
        assert connection.execute(sa.text("SELECT effect FROM feedback")).scalars().all() == [effect]
        assert len(connection.execute(sa.text("SELECT card FROM review_queue")).all()) == queued


def override(ehr: Ehr, card: Any, code: str, clock: Clock) -> Any:
    """The user overrides a card for that reason."""
    return ehr.tell(
        card=card["uuid"], outcome="overridden", outcomeTimestamp=clock.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        overrideReason={"reason": {"code": code, "system": "urn:x"}},
    )  # fmt: skip


def test_no_time_in_this_encounter_is_quiet_for_the_encounter(ehr: Ehr, app: Flask, clock: Clock) -> None:
    """`urgent`: another study in the same encounter is let through; in the next encounter it is spoken of."""
    (card,), _ = sign(ehr, encounter="e1")
    override(ehr, card, "urgent", clock)
    clock.now += b.timedelta(hours=1)
    cards, instance = sign(ehr, encounter="e1", order="order-2", study="study-2")
    assert (cards, why(app, instance)) == ([], "x10-cooled-down")
    assert sign(ehr, encounter="e2", order="order-3", study="study-3")[0]


def test_what_is_not_available_is_quiet_for_thirty_days(ehr: Ehr, app: Flask, clock: Clock) -> None:
    """`notFeasible`: whatever the study and the encounter, the same rule waits 30 days for this patient."""
    (card,), _ = sign(ehr, encounter="e1")
    override(ehr, card, "notFeasible", clock)
    clock.now += b.timedelta(days=29)
    assert sign(ehr, encounter="e2", order="order-2", study="study-2")[0] == []
    clock.now += b.timedelta(days=2)
    assert sign(ehr, encounter="e3", order="order-3", study="study-3")[0]


def why(app: Flask, instance: str) -> str:
    """What decided the rule about fusions."""
    ledger = app.extensions["second-read"]["ledger"]
    ledger.flush()
    return next(each["because"] for each in ledger.verdicts(instance) if each["rule"] == "spine-fusion")


def test_the_record_says_where_sealed(ehr: Ehr, app: Flask, settings: Settings) -> None:
    """The encounter's location stands in `calls.location_sealed`, encrypted."""
    import sqlalchemy as sa

    sign(ehr, encounter="e1")
    app.extensions["second-read"]["ledger"].flush()
    keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
    with sa.create_engine(settings.database_url).connect() as connection:
        (kept,) = connection.execute(sa.text("SELECT location_sealed FROM calls")).scalars().all()
    assert "clinic" not in kept
    assert keys.open(kept, "calls.location") == "Location/clinic-7"
    assert Path(settings.ledger_key_file).exists()
