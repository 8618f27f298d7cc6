"""Operational state, budgets spent and read-outs, in both databases."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cds_service.ledger import Ledger, RuleBudget, audit, open_ledger
from cds_service.ledger.connecting import snapshot, transaction
from cds_service.ledger.operations import opt_out_end_row, opt_out_row, rule_row, state_of
from cds_service.ledger.readout import read_out
from cds_service.ledger.store import Store
from cds_service.model import AuthenticatedClient, Feedback, Outcome
from cds_service.workbench.opened_ledger import add_operation, state_now


def test_switches_of_one_machine_hold_on_another(url, key, clock, ledger):
    """A row written through another connection is seen at the next look; `on` of one rule leaves the others off."""
    store = Store(url, key)
    for rule in ("a", "b"):
        add_operation(store, rule_row("rule-off", rule, by="Ada", reason="why", at=clock.now))
    add_operation(store, rule_row("rule-on", "a", by="Ada", reason="mended", at=clock.now))
    assert ledger.state.switches == ()
    ledger._operating._read_at = 0.0
    assert ledger.flush()
    assert [(each.rule, each.because) for each in ledger.state.switched(clock.now)] == [("b", "switched-off")]
    later = open_ledger(url, key, clock=clock)
    assert later.state == ledger.state
    later.close()
    store.close()


def test_state_is_chained_cannot_be_changed_and_outlives_pruning(url, key, clock, ledger):
    """What is switched off stays off when its segment is pruned, and the chain still verifies."""
    store = Store(url, key)
    add_operation(store, rule_row("rule-off", "a", by="Ada", reason="why", at=clock.now))
    for change in ("UPDATE operations SET rule = 'z'", "DELETE FROM operations"):
        with pytest.raises(sa.exc.SQLAlchemyError), transaction(store.engine) as connection:
            connection.execute(sa.text(change))
    with transaction(store.engine) as connection:
        segments, _ = audit.prune(connection, before="2999-01-01T00:00:00.000000Z")
    assert segments >= 1
    with snapshot(store.engine) as connection:
        assert audit.verify(connection, key).problems == []
    assert [each.rule for each in state_now(store, key).switches] == ["a"]
    store.close()


def test_an_opt_out_names_nobody_in_the_clear_and_ends(url, key, clock):
    """The reference is sealed; an opt-out ends by its day or by a row."""
    until = clock.now + timedelta(days=3)
    row = opt_out_row(key, rule="", owner="chief", reason="r", at=clock.now, until=until, reference="Practitioner/7")
    store = Store(url, key)
    add_operation(store, row)
    with store.engine.connect() as connection:
        assert "Practitioner" not in str(connection.execute(sa.text("SELECT * FROM operations")).all())
    (found,) = state_now(store, key).opted_out(clock.now)
    assert (found.reference, found.owner, found.until) == ("Practitioner/7", "chief", until)
    assert state_now(store, key).opted_out(until) == ()
    add_operation(store, opt_out_end_row(row["handle"], by="chief", reason="over", at=clock.now))
    assert state_now(store, key).opt_outs == ()
    store.close()


def test_what_was_given_counts_for_every_machine(url, key, clock, caller, request_of, decision_of, card_of):
    """A clinician's card of one ledger is spent in the other; a repetition and yesterday's are not."""
    one, other = open_ledger(url, key, clock=clock), open_ledger(url, key, clock=clock)
    user = request_of().user_id
    one.record(request_of(), caller, (decision_of(),), (card_of("c1"),), {})
    assert one.spent(caller, user, None).clinician == 1
    one.flush()
    other._patients._due = 0.0
    assert other.spent(caller, user, None).clinician == 1
    assert other.spent(caller, "Practitioner/else", None).clinician == 0
    assert other.spent(AuthenticatedClient("https://other.example"), user, None).clinician == 0
    clock.forward(hours=25)
    assert other.spent(caller, user, None).clinician == 0
    one.close()
    other.close()


def test_a_budget_waits_for_its_least_number_and_counts_anew(url, key, clock, caller, request_of, decision_of, card_of):
    """Of fewer orders than the minimum nothing is said; after `on` what was before does not count."""
    told: list[str] = []
    ledger = open_ledger(url, key, clock=clock, budget=RuleBudget(10, 3, 28), on_over_budget=told.append)

    def show(number: int) -> None:
        uuid = f"c{number}"
        call = request_of(patient=f"p{number}", hook=uuid)
        ledger.record(call, caller, (decision_of(),), (card_of(uuid, topic=uuid),), {})
        assert ledger.flush()

    show(1)
    show(2)
    assert told == []
    show(3)
    assert told == ["spine-fusion"]
    clock.forward(days=1)
    store = Store(url, key)
    add_operation(store, rule_row("rule-on", "spine-fusion", by="Ada", reason="looked at", at=clock.now))
    show(4)
    show(5)
    assert ledger.state.switches == ()
    show(6)
    assert told == ["spine-fusion", "spine-fusion"]
    ledger.close()
    store.close()


@pytest.fixture
def answered(
    ledger: Ledger, caller: AuthenticatedClient, request_of: Any, decision_of: Any, card_of: Any, clock: Any
) -> Ledger:
    """Three patients: one accepts at the repetition, one overrides, one says nothing; a fourth is excluded."""

    def sign(patient: str, uuid: str | None, outcome: Outcome = Outcome.INDICATED) -> None:
        past = ledger.history(caller, patient, ["ImagingStudy/s1"], ["ServiceRequest/o1"])
        cards = (card_of(uuid, topic=patient),) if uuid else ()
        ledger.record(request_of(patient=patient), caller, (decision_of(outcome=outcome, history=past),), cards, {})
        assert ledger.flush()

    sign("p1", "c1")
    sign("p1", "c1-again")
    sign("p2", "c2")
    sign("p3", "c3")
    sign("p4", None, Outcome.EXCLUDED)
    ledger.record_feedback(caller, [
        Feedback("c1", "overridden", clock.now, reason_code="late"),
        Feedback("c1-again", "accepted", clock.now),
        Feedback("c2", "overridden", clock.now, reason_code="wrong", effect="review"),
    ])  # fmt: skip
    return ledger


def test_a_card_and_its_repetition_are_one_showing(answered: Ledger, url: str, key: Any) -> None:
    """Accepted once, overridden once, one without an answer; no order is counted twice or lost."""
    store = Store(url, key)
    with snapshot(store.engine) as connection:
        found = read_out(connection, "2026-11-03")
    store.close()
    counts = found.rules["spine-fusion"]
    assert (found.calls, found.orders) == (5, 5)
    assert (counts.returned, counts.accepted, counts.overridden, counts.no_answer) == (3, 1, 1, 1)
    assert dict(counts.reasons) == {"wrong": 1}
    assert (counts.orders, counts.spoke, counts.excluded) == (5, 4, 1)


def test_what_is_silent_is_counted_by_why(ledger, url, key, caller, request_of, decision_of):
    """A silent verdict is neither shown nor lost."""
    from dataclasses import replace

    decision = decision_of()
    (verdict,) = decision.verdicts
    silent = replace(decision, verdicts=(replace(verdict, status="silent", silent_because="arm", arm="t:silent"),))
    ledger.record(request_of(), caller, (silent,), (), {})
    (told,) = ledger.verdicts("hook-1")
    assert (told["silent_because"], told["arm"]) == ("arm", "t:silent")
    store = Store(url, key)
    with snapshot(store.engine) as connection:
        assert dict(read_out(connection, "2026-11-03").rules["spine-fusion"].silent) == {"arm": 1}
    store.close()


def test_a_key_that_is_gone_silences_nobody(key: Any, clock: Any) -> None:
    """An opt-out that no key opens is left out and told in the log; it does not stop the service."""
    from cds_service.ledger import Keyring

    until = clock.now + timedelta(days=1)
    row = opt_out_row(key, rule="", owner="o", reason="r", at=clock.now, until=until, reference="Practitioner/7")
    full: Callable[[Any], Any] = lambda r: {"user_group": None} | r  # noqa: E731
    assert state_of([full(row)], Keyring(b"another key of another site, 32!")).opt_outs == ()
