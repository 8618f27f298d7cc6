"""The database side: opening, the statements, and the connections that write and read.

Statements are written once in SQLAlchemy Core and compiled once for the database at hand; the hot path then hands the
finished SQL to the driver (15 instead of 75 microseconds a query). Two connections write, both owned by the one writer
thread: `quick` (a commit survives the death of the process) and `durable` (a commit survives the loss of power).
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool

from cds_service.errors import LedgerUnavailable, SettingsError
from cds_service.ledger.keys import keyed_hash
from cds_service.ledger.rows import Row
from cds_service.ledger.tables import (
    SCHEMA_VERSION,
    about,
    calls,
    cards,
    feedback,
    feedback_arrivals,
    irrelevant_calls,
    metadata,
    verdicts,
)

Mode = Literal["quick", "durable", "read"]
WRITE_WAIT_MS = 2000  # another process is writing
READ_WAIT_MS = 100  # WAL: a reader waits only while the file is being recovered
MOST_PAST_CARDS = 200
ONE_AT_A_TIME = 5_302_113  # any number of our own: PostgreSQL lets one process at a time make the tables
UNAVAILABLE = (sa.exc.SQLAlchemyError, OSError, LedgerUnavailable)  # what a broken database raises, through SQLAlchemy

_REPORTED = (cards.c.uuid, cards.c.topic, cards.c.study_hash, cards.c.order_hash, cards.c.rules, cards.c.returned_at)
_ANSWERED = (feedback.c.outcome, feedback.c.at, feedback.c.reason_code)
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
    "checks", "digest",
)  # fmt: skip
_OF_HOOK = verdicts.c.hook_hash == sa.bindparam("hook")
VERDICTS = (
    sa.select(*(verdicts.c[name] for name in TOLD_OF_A_VERDICT))
    .where(_OF_HOOK, verdicts.c.call == sa.select(sa.func.max(verdicts.c.call)).where(_OF_HOOK).scalar_subquery())
    .order_by(verdicts.c.id)
)
PATIENTS = sa.select(cards.c.patient_hash).distinct().where(cards.c.returned_at >= sa.bindparam("since"))
PATIENT_OF_CARD = sa.select(cards.c.patient_hash).where(
    cards.c.uuid == sa.bindparam("card"), cards.c.client == sa.bindparam("client")
)
TABLES = (calls, verdicts, cards, feedback, feedback_arrivals, irrelevant_calls)


class Spoken:
    """A statement in the words of one database: its SQL, and how the driver wants the parameters."""

    def __init__(self, statement: Any, dialect: sa.Dialect, columns: Sequence[str] | None = None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
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

    def __init__(self, url: str, key: bytes) -> None:
        self.url = _checked(url)
        self.file = Path(self.url.database).absolute() if self.url.database and _is_sqlite(self.url) else None
        # A connection may pass from thread to thread, but is only ever used by one at a time.
        arguments = {"check_same_thread": False} if self.file else {}
        self._engine = sa.create_engine(self.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        if self.file:
            sa.event.listen(self._engine, "connect", _hand_over_transactions)
            sa.event.listen(self._engine, "begin", _begin_writing)
        self._key_check = keyed_hash(key, "about")
        self._prepare()
        self._inode = _inode(self.file)
        insert = sqlite.insert if self.file else postgresql.insert
        dialect = self._engine.dialect
        # Nothing is ever overwritten: a row whose key exists already (a card or a feedback item told twice) stays.
        self.inserts = {
            table.name: Spoken(insert(table).on_conflict_do_nothing(), dialect, _told(table)) for table in TABLES
        }
        self.history = Spoken(HISTORY, dialect)
        self.patients = Spoken(PATIENTS, dialect)
        self.verdicts = Spoken(VERDICTS, dialect)
        self.patient_of_card = Spoken(PATIENT_OF_CARD, dialect)
        self._writers: dict[Mode, sa.Connection] = {}
        self._readers: deque[sa.Connection] = deque()

    @contextmanager
    def writing(self, mode: Mode) -> Iterator[Callable[[str, Sequence[Row]], None]]:
        """One transaction; yields `insert(table, rows)`. A connection that failed is replaced at the next use."""
        self.check_file()
        connection = self._writers.get(mode)
        if connection is None:
            connection = self._writers[mode] = self._connect(mode)
        try:
            with connection.begin():
                yield lambda table, rows: self._insert_rows(connection, table, rows)
        except BaseException:
            self._writers.pop(mode, None)
            connection.invalidate()
            connection.close()
            raise

    def read(self, spoken: Spoken, values: Row) -> list[Any]:
        """All rows of a query, on a connection that cannot write."""
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect("read")
        try:
            cursor = connection.connection.cursor()
            cursor.execute(spoken.sql, spoken.pack(values))
            rows: list[Any] = list(cursor.fetchall())
            cursor.close()
        except self._driver_error as error:
            connection.invalidate()
            connection.close()
            raise LedgerUnavailable(f"the ledger could not be read: {type(error).__name__}") from None
        self._readers.append(connection)
        return rows

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
        self._engine.dispose()

    def _insert_rows(self, connection: sa.Connection, table: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        spoken = self.inserts[table]
        try:
            cursor = connection.connection.cursor()
            cursor.executemany(spoken.sql, [spoken.pack(row) for row in rows])
            cursor.close()
        except self._driver_error as error:
            raise LedgerUnavailable(f"the ledger could not be written: {type(error).__name__}") from None

    def patient_hash_of(self, card: str, client: str) -> str | None:
        """Whose card it is, if it is on record for this client."""
        rows = self.read(self.patient_of_card, {"card": card, "client": client})
        return str(rows[0][0]) if rows else None

    def _connect(self, mode: Mode) -> sa.Connection:
        try:
            connection = self._engine.connect()
            if mode == "read":
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            else:
                connection = connection.execution_options(writes=True)
        except UNAVAILABLE as error:
            raise LedgerUnavailable(f"the ledger could not be reached: {type(error).__name__}") from None
        try:
            cursor = connection.connection.cursor()
            for statement in _manners(mode, sqlite_file=self.file is not None):
                cursor.execute(statement)
            cursor.close()
            connection.connection.commit()
        except self._driver_error as error:
            connection.invalidate()
            connection.close()
            raise LedgerUnavailable(f"the ledger could not be reached: {type(error).__name__}") from None
        return connection

    def _prepare(self) -> None:
        """Make the tables where there are none; refuse a ledger of a later version or of another key."""
        try:
            if self.file:
                _make_private(self.file)
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if self.file:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout={WRITE_WAIT_MS}")
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                if not self.file:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
                metadata.create_all(connection)
                insert = sqlite.insert if self.file else postgresql.insert
                first = insert(about).on_conflict_do_nothing()
                connection.execute(
                    first, [{"name": "schema", "value": str(SCHEMA_VERSION)}, {"name": "key", "value": self._key_check}]
                )
                facts = {row.name: row.value for row in connection.execute(sa.select(about))}
        except UNAVAILABLE as error:
            self._engine.dispose()
            raise LedgerUnavailable(f"the ledger could not be opened: {type(error).__name__}: {error}") from None
        if facts["schema"] != str(SCHEMA_VERSION):
            self._engine.dispose()
            raise SettingsError(f"ledger: schema {SCHEMA_VERSION} is expected, the database has {facts['schema']}")
        if facts["key"] != self._key_check:
            self._engine.dispose()
            raise SettingsError("ledger key: not the key this ledger was made with; its history would not be found")


def _told(table: sa.Table) -> list[str]:
    """The columns an insert gives; `id` is the database's own."""
    return [column.name for column in table.columns if column.name != "id"]


def _checked(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise SettingsError("ledger database url: `sqlite:///path/to/file.db` or `postgresql+…` is expected") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError("ledger database url: SQLite or PostgreSQL is expected")
    if _is_sqlite(parsed) and (not parsed.database or ":memory:" in parsed.database):
        raise SettingsError("ledger database url: a file is expected; a ledger in memory would keep nothing")
    return parsed


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _inode(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(file: Path) -> None:
    """The comments in it are PHI: mode 0600 before the first byte (SQLite gives its side files the same mode)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def _hand_over_transactions(connection: Any, _record: object) -> None:
    """Keep the driver from opening transactions by itself: it would do so without asking for the write lock."""
    connection.isolation_level = None


def _begin_writing(connection: sa.Connection) -> None:
    """Ask for the write lock at once, so that the busy timeout holds (a lock upgrade fails without waiting)."""
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _manners(mode: Mode, *, sqlite_file: bool) -> tuple[str, ...]:
    """How a connection behaves, in the words of the database."""
    if not sqlite_file:
        if mode == "read":
            return ("SET default_transaction_read_only = on", "SET statement_timeout = 1000")
        return (f"SET synchronous_commit = {'on' if mode == 'durable' else 'off'}", "SET statement_timeout = 2000")
    if mode == "read":
        return (f"PRAGMA busy_timeout={READ_WAIT_MS}", "PRAGMA query_only=ON")
    return (
        f"PRAGMA busy_timeout={WRITE_WAIT_MS}",
        f"PRAGMA synchronous={'FULL' if mode == 'durable' else 'NORMAL'}",
        "PRAGMA wal_autocheckpoint=4000",  # 16 MB: pages that change again and again are copied back less often
    )
