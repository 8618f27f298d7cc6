"""The tables of the ledger. Rows are only ever inserted; a trigger refuses anything else where the database has them.

Every column is text or an integer, so that SQLite and PostgreSQL hold the same thing and no value needs converting on
the way in or out: instants are ISO 8601 in UTC with a fixed width (they sort as text), days are ISO dates, lists and
maps are JSON. Columns ending in `_hash` are keyed hashes (`keys.keyed_hash`), never the identifier itself.
"""

from functools import partial

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, Table, Text, event

SCHEMA_VERSION = 1

metadata = MetaData()
ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER

about = Table(
    "about",
    metadata,
    Column("name", Text, primary_key=True),  # schema | key
    Column("value", Text, nullable=False),
)

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
    Index("verdicts_by_hook", "hook_hash"),
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
    Index("cards_by_patient", "patient_hash", "repeated", "returned_at"),
    Index("cards_by_time", "returned_at", "patient_hash"),
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
    Column("comment", Text),  # PHI: the user's own words; read by nobody in this program
    Index("feedback_by_card", "card"),
    Index("feedback_by_patient", "patient_hash"),
    sqlite_with_rowid=False,
)

feedback_arrivals = Table(
    "feedback_arrivals",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("received_at", Text, nullable=False),
)

irrelevant_calls = Table(
    "irrelevant_calls",
    metadata,
    Column("id", ID, primary_key=True),
    Column("client", Text, nullable=False),
    Column("minute", Text, nullable=False),
    Column("count", Integer, nullable=False),  # several rows of one minute add up
)


def _refuse_changes(table: Table) -> None:
    """Make the database itself refuse UPDATE and DELETE on `table` (SQLite; PostgreSQL by GRANT, see README.md)."""
    for verb in ("UPDATE", "DELETE"):
        trigger = (
            f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
        event.listen(table, "after_create", partial(_on_sqlite, trigger))


def _on_sqlite(sql: str, _table: Table, connection: Connection, **_: object) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(sql)


for _table in (calls, verdicts, cards, feedback, feedback_arrivals, irrelevant_calls):
    _refuse_changes(_table)
