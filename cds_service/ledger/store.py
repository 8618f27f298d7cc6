"""The database side: the statements, the connections that write and read, and the chain that grows with each write.

Statements are written once in SQLAlchemy Core and compiled once for the database at hand; the hot path then hands the
finished SQL to the driver (15 instead of 75 microseconds a query).
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cds_service.errors import LedgerUnavailable
from cds_service.ledger.chain import Head, stated
from cds_service.ledger.connecting import WRITE_WAIT_MS, Mode, connect, make_private, open_engine, sqlite_file
from cds_service.ledger.keys import Keyring
from cds_service.ledger.migrate import bring_up
from cds_service.ledger.rows import Row
from cds_service.ledger.tables import (
    RECORDED,
    batches,
    calls,
    cards,
    checkpoints,
    feedback,
    operations,
    review_queue,
    verdicts,
    writers,
)

MOST_PAST_CARDS = 200
UNAVAILABLE = (sa.exc.SQLAlchemyError, OSError, LedgerUnavailable)  # what a broken database raises, through SQLAlchemy

_REPORTED = (cards.c.uuid, cards.c.topic, cards.c.study_hash, cards.c.order_hash, cards.c.rules, cards.c.returned_at)
_ANSWERED = (feedback.c.outcome, feedback.c.at, feedback.c.reason_code, feedback.c.effect, cards.c.encounter_hash)
_SAME_CARD = sa.and_(feedback.c.card == cards.c.uuid, feedback.c.client == cards.c.client)
_RECENT = sa.and_(cards.c.returned_at >= sa.bindparam("since"))
HISTORY = (
    sa.union_all(
        sa.select(*_REPORTED, *_ANSWERED)
        .select_from(cards.outerjoin(feedback, _SAME_CARD))
        .where(cards.c.patient_hash == sa.bindparam("patient"), cards.c.repeated == 0, _RECENT),
        # A repetition within one signing session matters only where the user answered it.
        sa.select(*_REPORTED, *_ANSWERED)
        .select_from(feedback.join(cards, _SAME_CARD))
        .where(feedback.c.patient_hash == sa.bindparam("patient"), cards.c.repeated == 1, _RECENT),
    )
    .order_by(sa.desc("returned_at"))
    .limit(MOST_PAST_CARDS)
)
TOLD_OF_A_VERDICT = (
    "position", "rule", "version", "status", "outcome", "because", "says", "indicator", "recognised_by", "linked_by",
    "checks", "digest", "silent_because", "arm",
)  # fmt: skip
_OF_HOOK = verdicts.c.hook_hash == sa.bindparam("hook")
VERDICTS = (
    sa.select(*(verdicts.c[name] for name in TOLD_OF_A_VERDICT))
    .where(_OF_HOOK, verdicts.c.call == sa.select(sa.func.max(verdicts.c.call)).where(_OF_HOOK).scalar_subquery())
    .order_by(verdicts.c.id)
)
GIVEN = sa.select(
    cards.c.patient_hash, cards.c.uuid, cards.c.returned_at, cards.c.repeated, cards.c.user_hash, cards.c.encounter_hash
).where(cards.c.returned_at >= sa.bindparam("since"))
OPERATIONS = sa.select(*(column for column in operations.c if column.name != "batch")).order_by(operations.c.id)
_GIVEN_FOR_RULE = sa.and_(
    cards.c.returned_at >= sa.bindparam("since"),
    cards.c.repeated == 0,
    sa.or_(cards.c.rules == sa.bindparam("rule"), cards.c.rules.like(sa.bindparam("rule_first"))),
)
BUDGET = sa.select(
    sa.select(sa.func.coalesce(sa.func.sum(calls.c.orders), 0))
    .where(calls.c.day >= sa.bindparam("day"))
    .scalar_subquery(),
    sa.select(sa.func.count()).select_from(cards).where(_GIVEN_FOR_RULE).scalar_subquery(),
)
PATIENT_OF_CARD = sa.select(cards.c.patient_hash).where(
    cards.c.uuid == sa.bindparam("card"), cards.c.client == sa.bindparam("client")
)
KEYS = {  # what a row of that table is known by: told twice, it is one
    "cards": (cards.c.uuid, sa.select(cards.c.uuid).where(cards.c.uuid == sa.bindparam("key"))),
    "feedback": (feedback.c.digest, sa.select(feedback.c.digest).where(feedback.c.digest == sa.bindparam("key"))),
    "review_queue": (
        review_queue.c.digest,
        sa.select(review_queue.c.digest).where(review_queue.c.digest == sa.bindparam("key")),
    ),
}
SEGMENT_BATCHES = 500  # so many transactions at most are not sealed yet, and none of an earlier day


class Spoken:
    """A statement in the words of one database: its SQL, and how the driver wants the parameters."""

    def __init__(self, statement: Any, dialect: sa.Dialect, columns: Sequence[str] | None = None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self.columns = tuple(columns or ())
        self.sql = str(compiled)
        self._order: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positional else None
        self._constants: Row = (
            {} if columns else {name: value for name, value in compiled.params.items() if value is not None}
        )

    def pack(self, values: Row) -> Any:
        """Parameters as the driver wants them: a tuple where they are positional."""
        if self._constants:
            values = self._constants | values
        return values if self._order is None else tuple([values[name] for name in self._order])


class Store:
    """An opened ledger database. Used by one process; `write` by one thread of it, `read` by any."""

    def __init__(self, url: str, keys: Keyring) -> None:
        self.engine = open_engine(url)
        self.file = sqlite_file(self.engine)
        self._keys = keys
        self._driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        self._prepare()
        self._inode = _inode(self.file)
        dialect = self.engine.dialect
        self.inserts = {
            table.name: Spoken(sa.insert(table), dialect, _told(table)) for table in (*RECORDED, batches, checkpoints)
        }
        self.known = {name: Spoken(query, dialect) for name, (_, query) in KEYS.items()}
        self.history = Spoken(HISTORY, dialect)
        self.given = Spoken(GIVEN, dialect)
        self.operations = Spoken(OPERATIONS, dialect)
        self.budget = Spoken(BUDGET, dialect)
        self.verdicts = Spoken(VERDICTS, dialect)
        self.patient_of_card = Spoken(PATIENT_OF_CARD, dialect)
        self._writers: dict[Mode, sa.Connection] = {}
        self._readers: deque[sa.Connection] = deque()
        self._head: Head | None = None  # of this process's chain; None until it writes

    @contextmanager
    def writing(self, mode: Mode, at: str) -> Iterator[Callable[[str, Sequence[Row]], None]]:
        """One transaction, which becomes one batch of the chain; yields `insert(table, rows)`.

        A connection that failed is replaced at the next use, and the chain stays where it was.
        """
        with self._transaction(mode) as connection:
            head = self._head or self._begin_chain(connection, at)
            batch = Batch(self, connection, head.number + 1)
            yield batch.insert
            if batch.count:
                head = head.after(batch.rows, batch.count, at)
                row = {"batch": head.number, "rows": batch.count, "written_at": at, "hash": head.hash}
                self.execute(connection, self.inserts["batches"], [row])
        self._head = head

    def seal_if_due(self, now: str, *, always: bool = False) -> None:
        """Sign a checkpoint over what is not sealed yet, when it has become much or is of an earlier day."""
        head = self._head
        if head is None or not head.unsealed:
            return
        if not always and head.unsealed < SEGMENT_BATCHES and head.written_at[:10] == now[:10]:
            return
        with self._transaction("quick") as connection:
            self.execute(connection, self.inserts["checkpoints"], [signed(head, now, self._keys)])
        self._head = head.sealed()

    @contextmanager
    def _transaction(self, mode: Mode) -> Iterator[sa.Connection]:
        self.check_file()
        connection = self._writers.get(mode)
        if connection is None:
            connection = self._writers[mode] = self._connect(mode)
        try:
            with connection.begin():
                yield connection
        except BaseException:
            self._writers.pop(mode, None)
            connection.invalidate()
            connection.close()
            raise

    def _begin_chain(self, connection: sa.Connection, at: str) -> Head:
        made = connection.execute(sa.insert(writers).values(started_at=at)).inserted_primary_key
        if made is None:
            raise LedgerUnavailable("the ledger gave this process no number")
        return Head.new(made[0], at)

    def read(self, spoken: Spoken, values: Row) -> list[Any]:
        """All rows of a query, on a connection that cannot write."""
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect("read")
        try:
            rows = self.fetch(connection, spoken, values)
        except LedgerUnavailable:
            connection.invalidate()
            connection.close()
            raise
        self._readers.append(connection)
        return rows

    def fetch(self, connection: sa.Connection, spoken: Spoken, values: Row) -> list[Any]:
        """All rows of a query on that connection."""
        try:
            cursor = connection.connection.cursor()
            cursor.execute(spoken.sql, spoken.pack(values))
            rows: list[Any] = list(cursor.fetchall())
            cursor.close()
        except self._driver_error as error:
            raise LedgerUnavailable(f"the ledger could not be read: {type(error).__name__}") from None
        return rows

    def execute(self, connection: sa.Connection, spoken: Spoken, rows: Sequence[Row]) -> None:
        """One statement for each of `rows`."""
        try:
            cursor = connection.connection.cursor()
            cursor.executemany(spoken.sql, [spoken.pack(row) for row in rows])
            cursor.close()
        except self._driver_error as error:
            raise LedgerUnavailable(f"the ledger could not be written: {type(error).__name__}") from None

    def check_file(self) -> None:
        """SQLite writes on happily into a file that was deleted; its feedback would be durable nowhere."""
        if self.file and _inode(self.file) != self._inode:
            raise LedgerUnavailable("the ledger file was removed or replaced; restart the service")

    def close(self) -> None:
        """Close every connection; the last one of all processes folds the write-ahead log into the file."""
        for connection in (*self._writers.values(), *self._readers):
            connection.close()
        self._writers.clear()
        self._readers.clear()
        self.engine.dispose()

    def patient_hash_of(self, card: str, client: str) -> str | None:
        """Whose card it is, if it is on record for this client."""
        rows = self.read(self.patient_of_card, {"card": card, "client": client})
        return str(rows[0][0]) if rows else None

    def _connect(self, mode: Mode) -> sa.Connection:
        try:
            return connect(self.engine, mode)
        except (*UNAVAILABLE, self._driver_error) as error:
            raise LedgerUnavailable(f"the ledger could not be reached: {type(error).__name__}") from None

    def _prepare(self) -> None:
        """Bring the tables up to date; refuse a ledger that is too new, too old, or of another key."""
        try:
            if self.file:
                make_private(self.file)
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if self.file:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout={WRITE_WAIT_MS}")
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                bring_up(connection, self._keys.fingerprints)
        except UNAVAILABLE as error:
            self.engine.dispose()
            raise LedgerUnavailable(f"the ledger could not be opened: {type(error).__name__}: {error}") from None
        except BaseException:
            self.engine.dispose()
            raise


class Batch:
    """The rows of one transaction, as the chain will bind them."""

    def __init__(self, store: Store, connection: sa.Connection, number: int) -> None:
        self._store = store
        self._connection = connection
        self._number = number
        self.rows: dict[str, list[Row]] = {}
        self.count = 0

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows. Nothing is ever overwritten: a card or feedback item that is there already stays as it is."""
        if table in KEYS:
            rows = self._new(table, rows)
        if not rows:
            return
        spoken = self._store.inserts[table]
        kept = [{name: row.get(name) for name in spoken.columns} | {"batch": self._number} for row in rows]
        self._store.execute(self._connection, spoken, kept)
        self.rows.setdefault(table, []).extend(kept)
        self.count += len(kept)

    def _new(self, table: str, rows: Sequence[Row]) -> list[Row]:
        name = str(KEYS[table][0].name)
        new: dict[str, Row] = {}
        for row in rows:
            if row[name] not in new and not self._store.fetch(
                self._connection, self._store.known[table], {"key": row[name]}
            ):
                new[row[name]] = row
        return list(new.values())


def signed(head: Head, now: str, keys: Keyring) -> Row:
    """The checkpoint of what `head` has not sealed yet."""
    checkpoint = head.checkpoint(now) | {"public_key": keys.public}
    return checkpoint | {"signature": keys.sign(stated(checkpoint))}


def _told(table: sa.Table) -> list[str]:
    """The columns an insert gives; `id` is the database's own."""
    return [str(column.name) for column in table.columns if column.name != "id"]


def _inode(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino
