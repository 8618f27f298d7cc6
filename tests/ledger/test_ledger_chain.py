"""The chain: what was written can be shown to be unchanged, also after pruning, a crash and a change of keys."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.pool import NullPool

from cds_service.errors import SettingsError
from cds_service.ledger import Keyring, audit, open_ledger
from cds_service.ledger.connecting import open_engine, snapshot, transaction
from cds_service.ledger.rows import instant
from cds_service.ledger.tables import RECORDED, metadata
from cds_service.model import Feedback

MILLIS = {"gather": 1.0}


@pytest.fixture
def engine(url):
    """The database, reached as those do who look after it."""
    opened = open_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture
def write(url, key, clock, caller, request_of, decision_of, card_of):
    """Write `calls` calls and a feedback item, each in a transaction of its own, by one writer; then end it or not."""
    opened = []

    def written(name="a", calls=3, end=True):
        ledger = open_ledger(url, key, clock=clock)
        opened.append(ledger)
        for number in range(calls):
            card = card_of(f"{name}{number}")
            ledger.record(request_of(hook=f"{name}{number}"), caller, (decision_of(),), (card,), MILLIS)
            ledger.flush()
        ledger.record_feedback(caller, [Feedback(f"{name}0", "accepted", clock.now, comment="seen")])
        if end:
            ledger.close()
        return ledger

    yield written
    for ledger in opened:
        ledger.close()


def verified(engine, key):
    """What `verify` says of the database."""
    with snapshot(engine) as connection:
        return audit.verify(connection, key)


def tampered(engine, *statements):
    """Change the database behind the program's back."""
    with transaction(engine) as connection:
        for table in [*(table.name for table in RECORDED), "batches", "checkpoints"]:
            if engine.dialect.name == "sqlite":
                for verb in ("update", "delete"):
                    connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
            else:
                connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"))
        for statement in statements:
            assert connection.execute(sa.text(statement)).rowcount, statement


def test_what_was_written_verifies(engine, key, write):
    """Two writers, one still at work: every row is bound, the ended one is sealed, the other's batches wait."""
    write("a")
    write("b", end=False)
    found = verified(engine, key)
    assert found.problems == []
    assert (found.writers, found.sealed, found.pruned) == (2, 1, 0)
    assert found.unsealed == 4
    assert found.rows == 2 * (3 * 3 + 2)
    assert len(found.anchor) == 64


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE cards SET topic = 'another' WHERE uuid = 'a1'", "was changed"),
        ("DELETE FROM verdicts WHERE id = (SELECT min(id) FROM verdicts)", "was changed"),
        ("UPDATE calls SET outcome = 'none' WHERE id = (SELECT max(id) FROM calls)", "was changed"),
        (
            "INSERT INTO feedback_arrivals (digest, received_at, batch) SELECT 'x', received_at, batch FROM feedback",
            "was changed",
        ),
        (
            "INSERT INTO feedback_arrivals (digest, received_at, batch) SELECT digest, received_at, 7 FROM feedback",
            "belong to no batch",
        ),
        ("DELETE FROM batches WHERE batch = (SELECT min(batch) + 1 FROM batches)", "is missing"),
        ("DELETE FROM batches WHERE batch = (SELECT max(batch) FROM batches)", "not those that were sealed"),
        ("UPDATE checkpoints SET rows = rows + 1", "no signature of this site"),
        ("UPDATE checkpoints SET public_key = '00'", "no signature of this site"),
    ],
)
def test_every_change_is_found(engine, key, write, statement, problem):
    """A row changed, removed or put in, a batch removed, a checkpoint altered: `verify` names it."""
    write("a")
    tampered(engine, statement)
    assert any(problem in each for each in verified(engine, key).problems)


def test_a_chain_forged_anew_is_found(engine, key, write):
    """Whoever rewrites rows and hashes still lacks the site's key to sign the checkpoint."""
    write("a")
    with snapshot(engine) as connection:
        assert audit.verify(connection, Keyring(b"another key of thirty-two bytes!")).problems


def test_prune_takes_whole_segments_and_verify_steps_across(engine, url, key, clock, rows, write):
    """Old sealed segments lose their rows and keep their checkpoint; what is younger or not sealed stays."""
    write("old")
    clock.forward(days=400)
    write("new")
    write("open", end=False)
    before = verified(engine, key)
    with transaction(engine) as connection:
        assert audit.prune(connection, before=instant(clock.now - timedelta(days=300))) == (1, 11)
    with transaction(engine) as connection:
        assert audit.prune(connection, before=instant(clock.now - timedelta(days=300))) == (0, 0)
    found = verified(engine, key)
    assert (found.problems, found.sealed, found.pruned) == ([], 1, 1)
    assert found.anchor == before.anchor
    assert rows("SELECT count(*) FROM cards WHERE uuid LIKE 'old%'") == [(0,)]
    assert rows("SELECT count(*) FROM cards") == [(6,)]
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        rows("DELETE FROM cards")


def test_a_chain_whose_writer_died_is_sealed_by_others(engine, key, clock, write):
    """A writer that ended without a word is sealed once it has been silent for long enough, and not before."""
    write("a", end=False)
    for later, sealed in (({"hours": 1}, 0), ({"days": 3}, 1), ({"days": 1}, 0)):
        clock.forward(**later)
        limit = instant(clock.now - timedelta(days=2))
        with transaction(engine) as connection:
            assert audit.seal_abandoned(connection, key, before=limit, now=instant(clock.now)) == sealed
    found = verified(engine, key)
    assert (found.problems, found.sealed, found.unsealed) == ([], 1, 0)


def test_a_writer_seals_each_day(engine, key, clock, write, caller):
    """What was written yesterday is sealed with the first write of today."""
    ledger = write("a", end=False)
    clock.forward(days=1)
    ledger.count_irrelevant(caller)
    ledger.flush()
    ledger.flush()
    found = verified(engine, key)
    assert (found.problems, found.sealed, found.unsealed) == ([], 1, 1)


def test_a_new_key_finds_and_opens_what_the_old_one_made(url, engine, clock, caller, write, rows, key):
    """With a new key first, cards of before are history, sealed columns open, and both keys' checkpoints hold."""
    write("a")
    new = Keyring(b"a new key of the site, 32 bytes!!", *key.all)
    ledger = open_ledger(url, new, clock=clock)
    told = ledger.history(caller, "p1", ("ImagingStudy/s1",), ())
    assert sorted(card.outcome for card in told) == ["accepted", "returned", "returned"]
    assert {card.study for card in told} == {"ImagingStudy/s1"}
    assert ledger.verdicts("a1")
    ledger.record_feedback(caller, [Feedback("a1", "overridden", clock.now, comment="not this time")])
    ledger.close()
    assert {new.open(sealed, "feedback.comment") for (sealed,) in rows("SELECT comment_sealed FROM feedback")} == {
        "seen",
        "not this time",
    }
    assert verified(engine, new).problems == []
    with pytest.raises(SettingsError, match="none of the keys"):
        key.open(new.seal("x", "feedback.comment"), "feedback.comment")
    with pytest.raises(SettingsError, match="not a key this ledger was made with"):
        open_ledger(url, Keyring(b"a third key that nobody has used!"))


def test_a_sealed_value_opens_in_its_own_column_only(key):
    """A comment put where a user's reference belongs does not open; nothing stays nothing."""
    sealed = key.seal("Practitioner/1", "calls.user")
    assert key.open(sealed, "calls.user") == "Practitioner/1"
    with pytest.raises(SettingsError):
        key.open(sealed, "feedback.comment")
    assert key.seal(None, "calls.user") is None
    assert key.open(None, "calls.user") is None
    assert key.seal("same", "calls.user") != key.seal("same", "calls.user")


def test_the_migrations_make_the_tables_that_the_program_uses(url, engine, key):
    """Migrated from nothing, a database has the same tables, columns and indexes as one made whole."""
    with transaction(engine) as connection:
        _migrate_from_nothing(connection)
        differences = compare_metadata(MigrationContext.configure(connection), _without_version())
    assert differences == []
    open_ledger(url, key).close()


def _migrate_from_nothing(connection):
    """Run every migration there is."""
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY)"))
    from alembic import command
    from alembic.config import Config

    from cds_service.ledger.migrate import SCRIPTS
    from cds_service.ledger.tables import COMPATIBILITY, about

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(sa.insert(about).values(name="schema", value=str(COMPATIBILITY)))


def _without_version():
    kept = sa.MetaData()
    for table in metadata.sorted_tables:
        if table.name != "alembic_version":
            table.to_metadata(kept)
    return kept


def test_the_version_before_works_on_a_newer_database(url, engine, key, rows, write):
    """A database that a later version has migrated is still read and written, so that an upgrade can be undone."""
    write("a")
    with transaction(engine) as connection:
        connection.execute(sa.text("ALTER TABLE cards ADD COLUMN of_a_later_version TEXT"))
        connection.execute(sa.text("CREATE TABLE later (x TEXT)"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    write("b")
    assert rows("SELECT version_num FROM alembic_version") == [("9999",)]
    assert verified(engine, key).problems == []
    with transaction(engine) as connection:
        connection.execute(sa.text("UPDATE about SET value = '3' WHERE name = 'schema'"))
    with pytest.raises(SettingsError, match="compatibility 2 is expected"):
        open_ledger(url, key)


def test_a_database_from_before_the_first_version_is_refused(url, key):
    """Tables that no migration made are left alone and named."""
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT)"))
    with pytest.raises(SettingsError, match="set it aside"):
        open_ledger(url, key)
