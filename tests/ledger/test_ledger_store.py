"""The database and the key: what is refused at the start, and what happens when the database goes away or fills up."""

import shutil
import stat
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from cds_service.errors import LedgerUnavailable, SettingsError
from cds_service.ledger import Keyring, ledger_keys, open_ledger
from cds_service.ledger.keys import keyed_hash, normal_patient, normal_reference
from cds_service.ledger.store import HISTORY, VERDICTS, Spoken
from cds_service.ledger.tables import metadata
from cds_service.model import Feedback

MILLIS = {"gather": 1.0}


@pytest.fixture
def full_disk():
    """Make every SQLite connection stop growing its file at a number of pages that the test sets."""
    limit = {"pages": 1_000_000}

    def hold_down(connection, _record):
        connection.execute(f"PRAGMA max_page_count={limit['pages']}")

    sa.event.listen(sa.Engine, "connect", hold_down)
    yield limit
    sa.event.remove(sa.Engine, "connect", hold_down)


def test_a_full_disk_loses_calls_and_refuses_feedback(
    full_disk, file, key, clock, caller, request_of, decision_of, card_of
):
    """When the database cannot grow, calls are counted as lost and feedback is refused; with room again both work."""
    full_disk["pages"] = 40
    ledger = open_ledger(f"sqlite:///{file}", key, clock=clock)
    try:
        assert ledger.ready()
        for number in range(300):
            ledger.record(request_of(hook=str(number)), caller, (decision_of(),), (card_of(f"c{number}"),), MILLIS)
        ledger.flush()
        assert ledger.losses > 0
        with pytest.raises(LedgerUnavailable):
            ledger.record_feedback(caller, [Feedback("c", "accepted", clock.now, comment="x" * 200_000)])
        full_disk["pages"] = 1_000_000
        assert ledger.ready()
        ledger.record_feedback(caller, [Feedback("c", "accepted", clock.now)])
        lost = ledger.losses
        ledger.record(request_of(hook="later"), caller, (decision_of(),), (), MILLIS)
        assert len(ledger.verdicts("later")) == 1
        assert ledger.losses == lost
    finally:
        ledger.close()


NO_ROOM = """
import resource, sys
from datetime import datetime, UTC
from cds_service.errors import LedgerUnavailable
from cds_service.ledger import Keyring, open_ledger
from cds_service.model import AuthenticatedClient, Feedback, HookRequest
ledger, client = open_ledger(f"sqlite:///{sys.argv[1]}", Keyring(b"k" * 32)), AuthenticatedClient("ehr")
item = Feedback("c1", "accepted", datetime.now(UTC))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
ledger.record(HookRequest("h", "Practitioner/u", "p1", None, (), {}), client, (), (), {})
assert ledger.flush() and ledger.losses == 1, ledger.losses
try:
    ledger.record_feedback(client, [item])
except LedgerUnavailable:
    pass
else:
    raise AssertionError("acknowledged without being kept")
assert not ledger.ready()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert ledger.ready() and ledger.ready()
ledger.record_feedback(client, [item])
ledger.close()
"""


def test_without_any_room_the_ledger_is_not_ready_and_recovers_by_itself(file):
    """A process that may write no further byte counts, refuses and is not ready; given room, it is ready again."""
    ended = subprocess.run([sys.executable, "-c", NO_ROOM, str(file)], capture_output=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_vanished_database_is_noticed(tmp_path, key, clock, caller, request_of, decision_of, how):
    """A database file that was removed or replaced makes feedback and readiness say so, and records count as lost."""
    file = tmp_path / "sub" / "ledger.db"
    ledger = open_ledger(f"sqlite:///{file}", key, clock=clock)
    if how == "removed":
        shutil.rmtree(file.parent)
    else:
        aside = file.with_name("aside")
        shutil.copy(file, aside)
        aside.replace(file)
    ledger.record(request_of(), caller, (decision_of(),), (), MILLIS)
    ledger.flush()
    assert ledger.losses == 1
    assert not ledger.ready()
    with pytest.raises(LedgerUnavailable):
        ledger.record_feedback(caller, [Feedback("c", "accepted", clock.now)])
    ledger.close()


def test_feedback_gives_up_when_the_writer_does_not_answer(file, key, clock, caller, monkeypatch):
    """A stuck database costs the feedback call a bounded time, and then the client is told to repeat it."""
    monkeypatch.setattr("cds_service.ledger.ledger.ANSWER_SECONDS", 0.1)
    ledger = open_ledger(f"sqlite:///{file}", key, clock=clock)
    released = threading.Event()
    monkeypatch.setattr(ledger, "_write_calls", lambda *_, **__: released.wait(5))
    with pytest.raises(LedgerUnavailable, match="in time"):
        ledger.record_feedback(caller, [Feedback("c", "accepted", clock.now)])
    released.set()
    monkeypatch.setattr("cds_service.ledger.ledger.ANSWER_SECONDS", 5.0)
    ledger.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "not a url"])
def test_only_a_lasting_database_is_taken(url, key):
    """A ledger in memory, another database or nonsense is refused at the start."""
    with pytest.raises(SettingsError, match="ledger database url"):
        open_ledger(url, key)


def test_a_file_that_is_no_database_is_refused(file, key):
    """A file of something else is left alone and named as unusable."""
    file.write_bytes(b"something else entirely" * 100)
    with pytest.raises(LedgerUnavailable, match="could not be opened"):
        open_ledger(f"sqlite:///{file}", key)


def test_a_ledger_is_opened_with_its_own_key_only(file, key):
    """With another key nothing would be found again, so that is refused instead of being discovered later."""
    open_ledger(f"sqlite:///{file}", key).close()
    open_ledger(f"sqlite:///{file}", key).close()
    with pytest.raises(SettingsError, match="ledger key"):
        open_ledger(f"sqlite:///{file}", Keyring(b"another key of thirty-two bytes!"))


def test_a_key_file_is_made_once_and_private(tmp_path):
    """Without a configured key a random one is made beside the database, mode 0600, and used ever after."""
    file = tmp_path / "new" / "ledger.key"
    made = ledger_keys(None, file).all
    assert [len(each) for each in made] == [64]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ledger_keys(None, file).all == made
    assert [path.name for path in file.parent.iterdir()] == ["ledger.key"]


def test_a_key_file_made_by_many_at_once_is_one(tmp_path):
    """Processes that start together all end up with the same key."""
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(ledger_keys(None, tmp_path / "ledger.key").all)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_weak_or_open_key_is_refused(tmp_path):
    """A short key, an empty key file and one that everybody may read are refused by name."""
    assert ledger_keys("x" * 32, tmp_path / "unused").all == (b"x" * 32,)
    with pytest.raises(SettingsError, match="at least 32"):
        ledger_keys("short", tmp_path / "unused")
    file = tmp_path / "ledger.key"
    file.write_text("")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="at least 32"):
        ledger_keys(None, file)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="everybody"):
        ledger_keys(None, file)


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("ImagingStudy/1", "ImagingStudy/1"),
        ("https://ehr.example/fhir/ImagingStudy/1", "ImagingStudy/1"),
        ("ImagingStudy/1/_history/3", "ImagingStudy/1"),
        (" ImagingStudy/1/ ", "ImagingStudy/1"),
        ("urn:uuid:4f1c", "urn:uuid:4f1c"),
    ],
)
def test_references_are_compared_in_one_spelling(spelled, normal):
    """Relative, absolute and versioned references to one resource are one; a bare patient id equals its reference."""
    assert normal_reference(spelled) == normal
    assert normal_patient("Patient/7") == normal_patient("7") == normal_patient("https://e/fhir/Patient/7")


def test_hashes_depend_on_key_kind_and_parts():
    """Another key, kind or cut between parts gives another hash."""
    hashes = {
        keyed_hash(b"k" * 32, "order", "a", "b"),
        keyed_hash(b"K" * 32, "order", "a", "b"),
        keyed_hash(b"k" * 32, "study", "a", "b"),
        keyed_hash(b"k" * 32, "order", "ab", ""),
    }
    assert len(hashes) == 4
    assert all(len(one) == 32 for one in hashes)


def test_the_tables_and_queries_are_said_in_postgresql_too():
    """Every table and query compiles for PostgreSQL, with no trigger or word of SQLite's in it."""
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        said = str(CreateTable(table).compile(dialect=dialect))
        assert "WITHOUT ROWID" not in said
        insert = Spoken(
            postgresql.insert(table).on_conflict_do_nothing(),
            dialect,
            [c.name for c in table.columns if c.name != "id"],
        )
        assert "ON CONFLICT DO NOTHING" in insert.sql
    for query in (HISTORY, VERDICTS):
        assert Spoken(query, dialect).sql.startswith(("SELECT", "(SELECT"))
