"""The tables of the ledger. Rows are only ever inserted; triggers refuse anything else, except to `prune`.

A change here goes with a migration in `migrations/versions`, which brings older databases to the same place: a test
compares the two. Changes add (a nullable column, a table), so that the version before goes on working beside this one.

Every column is text or an integer, so that SQLite and PostgreSQL hold the same thing and no value needs converting on
the way in or out: instants are ISO 8601 in UTC with a fixed width (they sort as text), days are ISO dates, lists and
maps are JSON. Columns ending in `_hash` are keyed hashes (`keys.keyed_hash`), never the identifier itself; columns
ending in `_sealed` are encrypted (`keys.Keyring.seal`).
"""

from functools import partial

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, Text, event

REVISION = "0002"  # the newest migration: where a database made from these tables stands
COMPATIBILITY = 2  # raised only by a change with which the version before cannot work any more

metadata = MetaData()
ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER

about = Table(
    "about",
    metadata,
    Column("name", Text, primary_key=True),  # schema (compatibility) | key:<fingerprint> | pruning
    Column("value", Text, nullable=False),
)

alembic_version = Table("alembic_version", metadata, Column("version_num", Text, primary_key=True))

# --- the chain: see chain.py ---------------------------------------------------------------------------------------

writers = Table(
    "writers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("started_at", Text, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("batch", ID, primary_key=True, autoincrement=False),  # writer << 32 | place in its chain, from 1
    Column("rows", Integer, nullable=False),
    Column("written_at", Text, nullable=False),
    Column("hash", Text, nullable=False),  # of the hash before and the rows of this transaction
    sqlite_with_rowid=False,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("last", ID, primary_key=True, autoincrement=False),  # the last batch of the sealed segment
    Column("first", ID, nullable=False),
    Column("start", Text, nullable=False),  # hash before the first batch
    Column("hash", Text, nullable=False),  # hash of the last batch
    Column("rows", Integer, nullable=False),
    Column("written_at", Text, nullable=False),  # of the last batch
    Column("sealed_at", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("signature", Text, nullable=False),  # Ed25519 over the columns before it
    sqlite_with_rowid=False,
)

# --- what is recorded ----------------------------------------------------------------------------------------------


def _batch() -> Column[int]:
    """In which transaction a row was written."""
    return Column("batch", ID, nullable=False)


calls = Table(
    "calls",
    metadata,
    Column("id", ID, primary_key=True),
    Column("call", ID, nullable=False),  # joins to `verdicts.call` and `cards.call`; ascends in time
    Column("hook_hash", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # see `rows.OUTCOMES`
    Column("orders", Integer, nullable=False),
    Column("cards", Integer, nullable=False),
    Column("gaps", Text, nullable=False),  # {"imagingStudies prefetch-omitted": 1}
    Column("millis", Text, nullable=False),  # {"gather": 1.25}
    Column("digest", Text, nullable=False),  # of the ruleset
    Column("encounter_hash", Text),
    Column("user_kind", Text),  # Practitioner | PractitionerRole | Patient | …
    Column("user_hash", Text),
    Column("user_sealed", Text),  # the reference of whoever signs
    Column("location_sealed", Text),  # the reference of where the encounter is
    _batch(),
    Index("calls_by_batch", "batch"),
    Index("calls_by_day", "day", "orders"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("call", ID, nullable=False),
    Column("hook_hash", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("position", Integer, nullable=False),  # which draft order of the call
    Column("order_hash", Text, nullable=False),
    Column("study_hash", Text),
    Column("rule", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("says", Text, nullable=False),  # the sentence of the check that decided, from the rule file
    Column("indicator", Text, nullable=False),
    Column("recognised_by", Text, nullable=False),  # code | local-map | ingredient | text
    Column("linked_by", Text, nullable=False),  # the rungs order -> study and study -> report, separated by a blank
    Column("checks", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("kind", Text),  # surgery | systemic-therapy | radiotherapy
    Column("code", Text),  # `system|code` by which the order was recognised, of our value sets
    _batch(),
    Column("silent_because", Text),  # why a verdict that is silent is so
    Column("arm", Text),  # of an experiment of the site's
    Index("verdicts_by_day", "day", "rule", "status", "outcome", "silent_because"),
    Index("verdicts_by_hook", "hook_hash"),
    Index("verdicts_by_batch", "batch"),
)

cards = Table(
    "cards",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("call", ID, nullable=False),
    Column("client", Text, nullable=False),
    Column("patient_hash", Text, nullable=False),
    Column("study_hash", Text),
    Column("order_hash", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("rules", Text, nullable=False),  # ids, the strongest first, separated by blanks
    Column("indicator", Text, nullable=False),
    Column("repeated", Integer, nullable=False),  # 1: the same card as one returned within the signing session
    Column("returned_at", Text, nullable=False),
    _batch(),
    Column("encounter_hash", Text),
    Column("user_hash", Text),  # to whom it was returned
    Index("cards_by_patient", "patient_hash", "repeated", "returned_at"),
    Index("cards_by_time", "returned_at", "patient_hash"),
    Index("cards_by_batch", "batch"),
    sqlite_with_rowid=False,
)

feedback = Table(
    "feedback",
    metadata,
    Column("digest", Text, primary_key=True),  # of card, outcome, at, suggestions, reason: told twice is one
    Column("card", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("patient_hash", Text),  # of the card; null when no such card of this client was on record
    Column("outcome", Text, nullable=False),
    Column("at", Text, nullable=False),  # when the user acted, by the client's clock
    Column("received_at", Text, nullable=False),
    Column("reason_code", Text),
    Column("reason_system", Text),
    Column("suggestions", Text, nullable=False),
    Column("comment_sealed", Text),  # the user's own words: PHI
    _batch(),
    Column("effect", Text),  # what the override reason did, when it was given: see `model.Effect`
    Index("feedback_by_card", "card"),
    Index("feedback_by_patient", "patient_hash"),
    Index("feedback_by_batch", "batch"),
    sqlite_with_rowid=False,
)

feedback_arrivals = Table(
    "feedback_arrivals",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    _batch(),
    Index("feedback_arrivals_by_batch", "batch"),
)

irrelevant_calls = Table(
    "irrelevant_calls",
    metadata,
    Column("id", ID, primary_key=True),
    Column("client", Text, nullable=False),
    Column("minute", Text, nullable=False),
    Column("count", Integer, nullable=False),  # several rows of one minute add up
    _batch(),
    Index("irrelevant_calls_by_batch", "batch"),
)

review_queue = Table(
    "review_queue",  # overrides that call the card wrong, for somebody to look at
    metadata,
    Column("digest", Text, primary_key=True),  # of the feedback
    Column("card", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("queued_at", Text, nullable=False),
    _batch(),
    Index("review_queue_by_batch", "batch"),
    sqlite_with_rowid=False,
)

operations = Table(
    "operations",  # operational state (decision 12): the last row of a kind and subject holds
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),  # rule-off | rule-on | rule-budget | opt-out | opt-out-end
    Column("rule", Text, nullable=False),  # id, or "" for every rule
    Column("handle", Text, nullable=False),  # of an opt-out, by which it is ended; else ""
    Column("by", Text, nullable=False),  # who did it, or who answers for it
    Column("reason", Text, nullable=False),
    Column("until", Text),
    Column("user_group", Text),  # of an opt-out: a group of site.yaml, or
    Column("subject_sealed", Text),  # the reference of a user or a place
    _batch(),
    Index("operations_by_batch", "batch"),
)

# In the order of writing. What is operational is never pruned, for it would come back into force or be forgotten.
RECORDED = (calls, verdicts, cards, feedback, feedback_arrivals, irrelevant_calls, review_queue, operations)
PRUNED = tuple(table for table in RECORDED if table is not operations)

_SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table} {when}
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
_UNLESS_PRUNING = "WHEN NOT EXISTS (SELECT 1 FROM about WHERE name = 'pruning')"
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION second_read_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM about WHERE name = 'pruning') THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the ledger is append-only';
END $$
"""
_POSTGRESQL_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION second_read_append_only()
"""


def append_only(dialect: str, table: str) -> tuple[str, ...]:
    """The statements by which a database refuses UPDATE always, and DELETE unless a `prune` is under way."""
    if dialect == "sqlite":
        return tuple(
            _SQLITE_TRIGGER.format(table=table, verb=verb.lower(), VERB=verb, when=when)
            for verb, when in (("UPDATE", ""), ("DELETE", _UNLESS_PRUNING))
        )
    return (_POSTGRESQL_FUNCTION, _POSTGRESQL_TRIGGER.format(table=table))


def _protect(table: str, _table: Table, connection: Connection, **_: object) -> None:
    for statement in append_only(connection.dialect.name, table):
        connection.exec_driver_sql(statement)


for _each in (*RECORDED, writers, batches, checkpoints):
    event.listen(_each, "after_create", partial(_protect, _each.name))
