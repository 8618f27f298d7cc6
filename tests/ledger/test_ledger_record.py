"""What the ledger keeps of a call, and how little that costs the caller."""

import json
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from cds_service.errors import LedgerUnavailable
from cds_service.ledger import open_ledger
from cds_service.ledger.tables import metadata
from cds_service.model import AuthenticatedClient, Feedback, Finding, Gap, Outcome, PastCard

MILLIS = {"gather": 1.23456, "read": 0.2}


def test_a_call_is_kept_with_its_verdicts_and_cards(ledger, rows, caller, request_of, decision_of, card_of):
    """After a flush, a call stands in the three tables with its day, outcome, gap counts and latency by stage."""
    gap = Gap("imagingStudies", "prefetch-omitted")
    ledger.record(request_of(), caller, (decision_of(gap=gap),), (card_of("c1"),), MILLIS)
    assert ledger.flush()
    assert rows("SELECT client, day, outcome, orders, cards, gaps, millis, digest FROM calls") == [
        (
            "https://ehr.example", "2026-11-03", "card", 1, 1, '{"imagingStudies prefetch-omitted":1}',
            '{"gather":1.235,"read":0.2}', "digest-of-the-rules",
        )
    ]  # fmt: skip
    assert rows("SELECT rule, version, outcome, because FROM verdicts") == [
        ("spine-fusion", "1.0.0", "indicated", "stenosis-less-than-severe")
    ]
    assert rows("SELECT uuid, topic, rules, indicator, repeated, returned_at FROM cards") == [
        ("c1", "spine", "spine-fusion", "info", 0, "2026-11-03T09:30:00.000000Z")
    ]
    assert ledger.losses == 0


def test_verdicts_of_a_hook_instance_are_told(ledger, caller, request_of, decision_of):
    """`verdicts` says rule, outcome, the deciding sentence and the truth of every check, right after `record`."""
    finding = Finding("spinal-stenosis", "present", "secret", 4, 10, (5, 9), "impression", phrase="stenosis/canal")
    decision = decision_of(finding=finding, gap=Gap("DiagnosticReport/77", "fhir-timeout"))
    ledger.record(request_of(hook="h-7"), caller, (decision,), (), MILLIS)
    (told,) = ledger.verdicts("h-7")
    assert told["rule"] == "spine-fusion"
    assert told["outcome"] == "indicated"
    assert told["says"] == "Stenosis is less than severe."
    assert told["indicator"] == "info"
    assert told["checks"] == [
        {
            "id": "stenosis-less-than-severe",
            "truth": "true",
            "role": "criterion",
            "phrase": "stenosis/canal",
            "at": [5, 9],
        },
        {"id": "x1-emergency", "truth": "unknown", "role": "exclusion", "gap": "DiagnosticReport fhir-timeout"},
    ]
    assert ledger.verdicts("another") == []


def test_a_reused_hook_instance_tells_its_last_call(ledger, caller, request_of, decision_of):
    """A client that sends one hook instance for ever gets the verdicts of its last call, not of all."""
    ledger.record(request_of(), caller, (decision_of(outcome=Outcome.EXCLUDED, because="x1-emergency"),), (), MILLIS)
    ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
    assert [told["outcome"] for told in ledger.verdicts("hook-1")] == ["indicated"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(Outcome.INDICATED, "indicated"), (Outcome.UNDETERMINED, "undetermined"), (Outcome.ERROR, "error")],
)
def test_a_call_without_cards_says_why(ledger, rows, caller, request_of, decision_of, outcome, expected):
    """No card, could not tell and broke are three different outcomes of a call."""
    silent = decision_of(outcome=Outcome.NOT_INDICATED)
    ledger.record(request_of(), caller, (silent, decision_of(outcome=outcome)), (), MILLIS)
    ledger.flush()
    assert rows("SELECT outcome FROM calls") == [(expected,)]


def test_irrelevant_calls_are_counted_by_minute_and_client(ledger, rows, clock, caller):
    """Irrelevant calls cost one row for each minute and client, written by the next flush."""
    for _ in range(3):
        ledger.count_irrelevant(caller)
    clock.forward(minutes=1)
    ledger.count_irrelevant(AuthenticatedClient("https://ehr.example", tenant="north"))
    ledger.flush()
    assert rows("SELECT client, minute, count FROM irrelevant_calls") == [
        ("https://ehr.example", "2026-11-03T09:30:00.000000Z", 3),
        ("https://ehr.example#north", "2026-11-03T09:31:00.000000Z", 1),
    ]


def test_nothing_confidential_reaches_the_database(ledger, file, rows, key, caller, request_of, decision_of, card_of):
    """Token, names, report text, ids and comments stand nowhere in the database: sealed, hashed or not at all."""
    secret = "ZZSECRETZZ"
    finding = Finding("spinal-stenosis", "present", f"{secret} report", 0, 9, (0, 9), "findings", phrase="a/b")
    decision = decision_of(
        outcome=Outcome.ERROR,
        because=f"{secret}",
        finding=finding,
        gap=Gap(f"DiagnosticReport/{secret}", "fhir-failed", detail=secret),
    )
    check = replace(decision.verdicts[0].checks[0], because=secret)
    decision = replace(decision, verdicts=(replace(decision.verdicts[0], checks=(check,)),))
    request = request_of(
        patient=f"p-{secret}", hook=f"h-{secret}", token=secret, prefetch={"patient": {"name": [{"text": secret}]}}
    )
    card = card_of("c1", study=f"ImagingStudy/{secret}", order=f"ServiceRequest/{secret}")
    ledger.record(request, caller, (decision,), (replace(card, wire={"detail": secret}),), MILLIS)
    ledger.record_feedback(caller, [Feedback("c1", "overridden", decision.case.as_of, comment="THE USER'S WORDS")])
    ledger.flush()
    stored = b"".join(path.read_bytes() for path in file.parent.iterdir() if path.is_file())
    stored += repr([rows(f"SELECT * FROM {table.name}") for table in metadata.sorted_tables]).encode()
    for word in (secret, "THE USER'S WORDS", "Practitioner/u1"):
        assert word.encode() not in stored, word
    ((sealed,),) = rows("SELECT comment_sealed FROM feedback")
    assert key.open(sealed, "feedback.comment") == "THE USER'S WORDS"
    ((kind, user),) = rows("SELECT user_kind, user_sealed FROM calls")
    assert (kind, key.open(user, "calls.user")) == ("Practitioner", "Practitioner/u1")


@pytest.mark.parametrize("change", ["UPDATE cards SET topic = 'x'", "DELETE FROM cards"])
def test_the_database_refuses_changes(ledger, rows, caller, request_of, decision_of, card_of, change):
    """What is in the ledger cannot be changed or taken out, not even from outside the program."""
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"),), MILLIS)
    ledger.flush()
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        rows(change)


def test_eight_threads_lose_nothing(ledger, rows, caller, request_of, decision_of, card_of):
    """Eight threads that record, answer and look back at once leave every call, card and answer in the database."""
    failures = []

    def work(number):
        try:
            for turn in range(40):
                name = f"{number}-{turn}"
                ledger.record(request_of(f"p{number}", name), caller, (decision_of(),), (card_of(name),), MILLIS)
                assert len(ledger.history(caller, f"p{number}", (), ())) == turn + 1
                if turn % 10 == 0:
                    ledger.record_feedback(caller, [Feedback(name, "accepted", ledger._clock())])
                ledger.count_irrelevant(caller)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    ledger.flush()
    assert rows("SELECT count(*) FROM calls") == [(320,)]
    assert rows("SELECT count(*) FROM cards") == [(320,)]
    assert rows("SELECT count(*) FROM feedback WHERE patient_hash IS NOT NULL") == [(32,)]
    assert rows("SELECT sum(count) FROM irrelevant_calls") == [(320,)]
    assert ledger.losses == 0


def test_a_call_that_cannot_be_written_down_costs_only_itself(ledger, rows, caller, request_of, decision_of):
    """A value no JSON can hold loses that one call, counted, and never the others or the caller."""
    ledger.record(request_of(hook="odd"), caller, (decision_of(),), (), {"gather": "not a number"})
    ledger.record(request_of(hook="good"), caller, (decision_of(),), (), MILLIS)
    ledger.flush()
    assert rows("SELECT count(*) FROM calls") == [(1,)]
    assert ledger.losses == 1


def test_close_writes_what_waits_and_is_the_end(url, rows, key, clock, caller, request_of, decision_of):
    """Closing loses nothing; afterwards records count as lost, and whoever asks is told."""
    ledger = open_ledger(url, key, clock=clock)
    for number in range(50):
        ledger.record(request_of(hook=str(number)), caller, (decision_of(),), (), MILLIS)
    ledger.count_irrelevant(caller)
    ledger.close()
    ledger.close()
    assert rows("SELECT count(*) FROM calls") == [(50,)]
    assert rows("SELECT count FROM irrelevant_calls") == [(1,)]
    ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
    assert ledger.losses == 1
    assert not ledger.ready()
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.history(caller, "p1", (), ())
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.record_feedback(caller, [])


def test_a_full_queue_loses_and_counts_but_never_waits(file, key, clock, caller, request_of, decision_of, monkeypatch):
    """With the writer stuck and the queue full, `record` returns at once and every lost call is reported."""
    monkeypatch.setattr("cds_service.ledger.ledger.MOST_WAITING", 5)
    told = []
    ledger = open_ledger(f"sqlite:///{file}", key, clock=clock, on_loss=told.append)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
        time.sleep(0.15)  # the writer has taken that one and waits for the lock
        started = time.perf_counter()
        for _ in range(20):
            ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
        assert time.perf_counter() - started < 0.5
        other.execute("ROLLBACK")
    assert ledger.losses == sum(told) == 15
    ledger.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchall() == [(6,)]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_ledger_does_not_cross_a_fork(ledger, caller, request_of, decision_of):
    """In a forked child the ledger refuses to be used, and closing it there does nothing to the parent's."""
    child = os.fork()
    if child == 0:
        verdict = 1
        try:
            ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
            ledger.history(caller, "p1", (), ())
        except LedgerUnavailable as error:
            ledger.close()
            verdict = 0 if "fork" in str(error) and ledger.losses == 1 else 2
        finally:
            os._exit(verdict)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
    assert len(ledger.verdicts("hook-1")) == 1


def test_a_repetition_within_the_session_is_marked(ledger, rows, clock, caller, request_of, decision_of, card_of):
    """The same card again within 12 hours is kept as a repetition: history grows by sessions, not by retries."""
    past = PastCard("spine", "ImagingStudy/s1", "ServiceRequest/o1", ("spine-fusion",), clock.now)
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"),), MILLIS)
    clock.forward(hours=2)
    ledger.record(request_of(), caller, (decision_of(history=(past,)),), (card_of("c2"),), MILLIS)
    ledger.flush()
    assert rows("SELECT uuid, repeated FROM cards ORDER BY uuid") == [("c1", 0), ("c2", 1)]
    assert len(ledger.history(caller, "p1", (), ())) == 1
    ledger.record_feedback(caller, [Feedback("c2", "accepted", clock.now)])
    assert [card.outcome for card in ledger.history(caller, "p1", (), ())] == ["accepted", "returned"]


def test_history_does_not_miss_what_is_on_the_way(ledger, caller, request_of, decision_of, card_of):
    """A re-sign right after the answer sees the card, whether or not it has reached the database."""
    for number in range(200):
        ledger.record(request_of(f"p{number}"), caller, (decision_of(),), (card_of(f"c{number}"),), MILLIS)
        assert len(ledger.history(caller, f"p{number}", (), ())) == 1
    ledger.flush()
    assert not ledger._on_the_way


def test_verdict_json_is_plain(ledger, rows, caller, request_of, decision_of):
    """The checks of a verdict are JSON that any SQL tool reads."""
    ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
    ledger.flush()
    ((text,),) = rows("SELECT checks FROM verdicts")
    assert [check["truth"] for check in json.loads(text)] == ["true", "unknown"]


def test_a_fault_of_ours_does_not_end_the_writing(ledger, caller, request_of, decision_of, monkeypatch):
    """An unforeseen error in the writer refuses that feedback, counts, and leaves the thread alive for the next."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "_write_feedback", lambda _: {}["unforeseen"])
        with pytest.raises(LedgerUnavailable, match="could not be written"):
            ledger.record_feedback(caller, [Feedback("c1", "accepted", ledger._clock())])
    ledger.record_feedback(caller, [Feedback("c1", "accepted", ledger._clock())])
    ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
    assert len(ledger.verdicts("hook-1")) == 1
