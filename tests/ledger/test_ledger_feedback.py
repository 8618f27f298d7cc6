"""Feedback: durable before it is acknowledged, idempotent, joined to its card."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.ledger import Keyring, open_ledger
from cds_service.model import AuthenticatedClient, Card, Feedback, HookRequest

START = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
KEY = Keyring(b"k" * 32)
MILLIS = {"gather": 1.0}


def test_feedback_is_joined_to_its_card(ledger, clock, caller, request_of, decision_of, card_of):
    """History tells outcome, time and reason of a card, with study and order as this request spells them."""
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"),), MILLIS)
    clock.forward(minutes=3)
    ledger.record_feedback(caller, [Feedback("c1", "overridden", clock.now, reason_code="r-1", reason_system="s")])
    absolute = "https://ehr.example/fhir/ImagingStudy/s1"
    (card,) = ledger.history(caller, "Patient/p1", (absolute,), ("ServiceRequest/o1/_history/2",))
    assert (card.outcome, card.outcome_at, card.reason) == ("overridden", clock.now, "r-1")
    assert (card.study, card.order) == (absolute, "ServiceRequest/o1/_history/2")
    assert (card.topic, card.rules, card.returned) == ("spine", ("spine-fusion",), START)


def test_another_study_or_order_is_nameless(ledger, caller, request_of, decision_of, card_of):
    """A past card about a study and order that this request does not name tells neither."""
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"), card_of("c2", study=None)), MILLIS)
    told = ledger.history(caller, "p1", ("ImagingStudy/s2",), ("ServiceRequest/o2",))
    assert [(card.study, card.order) for card in told] == [(None, None), (None, None)]


def test_a_patient_is_a_patient_of_one_client(ledger, caller, request_of, decision_of, card_of):
    """The same id in another EHR is another person, and another client's feedback changes no card of ours."""
    other = AuthenticatedClient("https://other.example")
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"),), MILLIS)
    ledger.record_feedback(other, [Feedback("c1", "accepted", START)])
    assert ledger.history(other, "p1", (), ()) == ()
    assert ledger.history(caller, "p1", (), ())[0].outcome == "returned"


def test_history_ends_after_400_days(ledger, clock, caller, request_of, decision_of, card_of):
    """A card older than 400 days is on record but no longer history."""
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"),), MILLIS)
    clock.forward(days=399)
    assert len(ledger.history(caller, "p1", (), ())) == 1
    clock.forward(days=2)
    ledger.flush()
    assert ledger.history(caller, "p1", (), ()) == ()


def test_feedback_on_an_unknown_card_is_kept(ledger, rows, caller):
    """Feedback whose card is not on record is accepted and stands in the ledger all the same."""
    ledger.record_feedback(caller, [Feedback("never-seen", "accepted", START, suggestions=("s1",))])
    assert rows("SELECT card, outcome, patient_hash, suggestions FROM feedback") == [
        ("never-seen", "accepted", None, '["s1"]')
    ]


def test_the_same_feedback_twice_is_one_and_counted_twice(ledger, rows, caller):
    """A repeated item adds an arrival and no second row, also within one call; another reason is another item."""
    item = Feedback("c1", "overridden", START, reason_code="r-1", comment="first")
    ledger.record_feedback(caller, [item, item])
    ledger.record_feedback(caller, [item])
    ledger.record_feedback(caller, [Feedback("c1", "overridden", START, reason_code="r-2")])
    assert rows("SELECT count(*) FROM feedback") == [(2,)]
    assert rows("SELECT count(*) FROM feedback_arrivals") == [(4,)]


ITEMS = st.tuples(
    st.sampled_from(["accepted", "overridden"]),
    st.integers(0, 4),  # minutes
    st.sampled_from([None, "r-1", "r-2"]),
)


def _expected(items):
    strongest = max(items, key=lambda item: (item[0] == "accepted", item[1], item[2] or ""))
    return strongest[0], START + timedelta(minutes=strongest[1]), strongest[2]


@settings(max_examples=25, deadline=None)
@given(items=st.lists(ITEMS, max_size=6), before=st.integers(0, 6), repeat=st.booleans())
def test_order_and_duplicates_of_feedback_do_not_matter(items, before, repeat):
    """Whatever the order, also before its card is known, accepted beats overridden, then the latest holds."""
    with TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/l.db", KEY, clock=lambda: START)
        caller = AuthenticatedClient("https://ehr.example")
        told = [Feedback("c1", kind, START + timedelta(minutes=at), reason_code=why) for kind, at, why in items]
        try:
            ledger.record_feedback(caller, told[:before])
            request = HookRequest("h", "Practitioner/u", "p1", None, (), {})
            card = Card("c1", "spine", ("spine-fusion",), "info", "ServiceRequest/o", None, None, {})
            ledger.record(request, caller, (), (card,), MILLIS)
            ledger.record_feedback(caller, told[before:])
            if repeat:
                ledger.record_feedback(caller, told)
            (past,) = ledger.history(caller, "p1", (), ())
            if items:
                assert (past.outcome, past.outcome_at, past.reason) == _expected(items)
            else:
                assert (past.outcome, past.outcome_at, past.reason) == ("returned", None, None)
        finally:
            ledger.close()


@settings(max_examples=25, deadline=None)
@given(turns=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=12))
def test_history_is_every_card_of_the_patient_newest_first(turns):
    """Any mix of patients, studies and flushes gives exactly the cards returned for that patient, the newest first."""
    now = [START]
    with TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/l.db", KEY, clock=lambda: now[0])
        caller = AuthenticatedClient("https://ehr.example")
        expected = {0: [], 1: [], 2: []}
        try:
            for number, (patient, study, flush) in enumerate(turns):
                now[0] += timedelta(minutes=1)
                request = HookRequest(f"h{number}", "Practitioner/u", f"p{patient}", None, (), {})
                name = f"ImagingStudy/{study}"
                card = Card(f"c{number}", "spine", ("r",), "info", "ServiceRequest/o", name, None, {})
                ledger.record(request, caller, (), (card,), MILLIS)
                expected[patient].insert(0, (now[0], name if study else None))
                if flush:
                    ledger.flush()
            for patient, cards in expected.items():
                told = ledger.history(caller, f"p{patient}", ("ImagingStudy/1", "ImagingStudy/2"), ())
                assert [(card.returned, card.study) for card in told] == cards
        finally:
            ledger.close()


CRASH = """
import os, sys
from datetime import datetime, UTC
from cds_service.ledger import Keyring, open_ledger
from cds_service.model import AuthenticatedClient, Feedback
ledger = open_ledger(sys.argv[1], Keyring(b"k" * 32))
ledger.record_feedback(AuthenticatedClient("ehr"), [Feedback("c1", "accepted", datetime.now(UTC))])
os.write(1, b"acknowledged")
os.kill(os.getpid(), 9)
"""


def test_feedback_survives_kill_9_right_after_the_acknowledgement(url, rows):
    """A process killed the moment `record_feedback` returned leaves the feedback in the database."""
    ended = subprocess.run([sys.executable, "-c", CRASH, url], capture_output=True, timeout=30, check=False)
    assert ended.stdout == b"acknowledged"
    assert ended.returncode == -signal.SIGKILL
    assert rows("SELECT card, outcome FROM feedback") == [("c1", "accepted")]


PROCESS = """
import sys
from datetime import datetime, UTC
from cds_service.ledger import Keyring, open_ledger
from cds_service.model import AuthenticatedClient, Card, Feedback, HookRequest
client, name = AuthenticatedClient("ehr"), sys.argv[2]
ledger = open_ledger(sys.argv[1], Keyring(b"k" * 32))
for turn in range(60):
    card = Card(f"{name}-{turn}", "spine", ("r",), "info", "ServiceRequest/o", None, None, {})
    ledger.record(HookRequest(f"{name}-{turn}", "Practitioner/u", "p1", None, (), {}), client, (), (card,), {})
    if turn % 20 == 0:
        ledger.record_feedback(client, [Feedback(card.uuid, "accepted", datetime.now(UTC))])
ledger.close()
sys.exit(ledger.losses)
"""


def test_several_processes_share_one_database(url, file, rows):
    """Processes that start at once on no file at all write side by side and lose nothing."""
    started = [subprocess.Popen([sys.executable, "-c", PROCESS, url, name]) for name in "abc"]
    assert [process.wait(30) for process in started] == [0, 0, 0]
    assert rows("SELECT count(*) FROM cards") == [(180,)]
    assert rows("SELECT count(*) FROM feedback WHERE patient_hash IS NOT NULL") == [(9,)]
    if url.startswith("sqlite"):
        assert os.stat(file).st_mode & 0o777 == 0o600
