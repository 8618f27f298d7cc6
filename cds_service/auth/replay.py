"""Tokens seen before: each `jti` opens one call, whichever worker or machine it reaches (CDS Hooks best practices).

A table of the database, for all of them share it: one insert a call, refused by the primary key when the token was
seen. With SQLite it stands in a file of its own beside the ledger, so that neither waits for the other's write lock.
Nothing is synced to disk for it: what a loss of power could forget is shorter than a token lives, and a sync for
every irrelevant call would be the dearest thing on that path. What is past `exp` is pruned.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import ReplayStoreUnavailable, SettingsError
from cds_service.telemetry import log

Remember = Callable[
    [str, str, float], bool
]  # (iss, jti, seconds since the epoch until which it lives): the first time?
PRUNE_SECONDS = 60.0
WAIT_MS = 250  # for another process's write; longer, and the surgeon waits
START_WAIT_MS = 10_000  # for another process that makes the table
ONE_AT_A_TIME = 5_302_114  # any number of our own: PostgreSQL lets one process at a time make the table
REST_SECONDS = 1.0  # after a failure, calls are refused at once for so long instead of each waiting for a timeout

metadata = sa.MetaData()
seen_tokens = sa.Table(
    "seen_tokens",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),  # of iss and jti: neither is needed in the clear
    sa.Column("until", sa.BigInteger, nullable=False),  # seconds since the epoch; no index: it would double the write
    sqlite_with_rowid=False,
)


class SeenTokens:
    """The store, for one process and all its threads; made after any fork."""

    def __init__(self, database_url: str, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._pruned = now()
        self._failed_at = float("-inf")
        try:
            url = sa.make_url(database_url)
        except sa.exc.ArgumentError:
            raise SettingsError("SECOND_READ_DATABASE_URL: an SQLAlchemy URL is expected") from None
        self._engine = _engine(url)
        self._free: list[sa.PoolProxiedConnection] = []  # appending and popping are atomic
        # SQLite has one writer: threads that queue here wake up in turn, where the file lock would make them poll.
        one_by_one = self._engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[object] = threading.Lock() if one_by_one else nullcontext()
        dialect = self._engine.dialect
        if one_by_one:
            from sqlalchemy.dialects.sqlite import insert
        else:  # importing it takes a twentieth of the start
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # the same to us
        self._insert = str(insert(seen_tokens).on_conflict_do_nothing().compile(dialect=dialect))
        self._prune = str(
            sa.delete(seen_tokens).where(seen_tokens.c.until < sa.bindparam("past")).compile(dialect=dialect)
        )
        self._positional = dialect.positional
        try:
            self._prepare()
        except (SQLAlchemyError, OSError) as error:
            raise ReplayStoreUnavailable(type(error).__name__) from None

    def _prepare(self) -> None:
        """Make the table where there is none, while no other process does; no migration: it has no history to keep."""
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":  # `IF NOT EXISTS` does not keep two from making it at once
                connection.exec_driver_sql(f"SET statement_timeout = {START_WAIT_MS}")
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({ONE_AT_A_TIME})")  # until it is closed below
            else:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={START_WAIT_MS}")
            connection.execute(sa.schema.CreateTable(seen_tokens, if_not_exists=True))

    def remember(self, iss: str, jti: str, until: float) -> bool:
        """Whether this token is seen for the first time; `ReplayStoreUnavailable` when that cannot be known."""
        if time.monotonic() - self._failed_at < REST_SECONDS:
            raise ReplayStoreUnavailable("resting after a failure")
        digest = hashlib.sha256(f"{iss}\0{jti}".encode(errors="surrogatepass")).hexdigest()[:40]
        values = {"digest": digest, "until": int(until) + 1}
        try:
            first = self._run(self._insert, values) == 1
        except Exception as error:  # noqa: BLE001  the driver's own kinds; whichever it is, it cannot be known
            self._failed_at = time.monotonic()
            raise ReplayStoreUnavailable(type(error).__name__) from None
        if self._now() - self._pruned >= PRUNE_SECONDS:
            self._pruned = self._now()
            threading.Thread(target=self.prune, name="token-prune", daemon=True).start()
        return first

    def prune(self) -> None:
        """Forget the tokens that have expired; a failure is told in the log, for the next minute tries again."""
        try:
            self._run(self._prune, {"past": int(self._now())})
        except Exception as error:  # noqa: BLE001  as above
            log.warning("seen tokens not pruned", reason=type(error).__name__)

    def close(self) -> None:
        """Let go of the database."""
        while self._free:
            self._free.pop().close()
        self._engine.dispose()

    def _run(self, statement: str, values: dict[str, object]) -> int:
        """Hand a finished statement to the driver, on a connection kept for it: half of what a pool's round costs."""
        with self._turn:
            try:
                connection = self._free.pop()
            except IndexError:
                connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(statement, tuple(values.values()) if self._positional else values)
                rows = int(cursor.rowcount)
                cursor.close()
            except Exception:
                connection.close()
                raise
            self._free.append(connection)
            return rows


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        manners: tuple[str, ...] = ("SET synchronous_commit = off", f"SET statement_timeout = {WAIT_MS}")
    else:
        if not url.database or url.database == ":memory:":
            raise SettingsError("SECOND_READ_DATABASE_URL: a file or a server is expected, which workers can share")
        ledger = Path(url.database)
        file = ledger.with_name(f"{ledger.stem}-tokens{ledger.suffix}")
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        engine = sa.create_engine(
            url.set(database=str(file)),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            connect_args={"check_same_thread": False},
        )
        manners = (
            f"PRAGMA busy_timeout={WAIT_MS}",
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=NORMAL",
            "PRAGMA wal_autocheckpoint=4000",
        )

    @sa.event.listens_for(engine, "connect")
    def _behave(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # any driver's connection
        for line in manners:
            cursor.execute(line)
        cursor.close()

    return engine
