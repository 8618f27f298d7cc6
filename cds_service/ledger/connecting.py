"""How the ledger's database is reached: which URLs are taken, and how a connection behaves in each database.

Two connections write, both owned by the one writer thread: `quick` (a commit survives the death of the process) and
`durable` (a commit survives the loss of power). Readers cannot write.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from cds_service.errors import SettingsError

Mode = Literal["quick", "durable", "read"]
WRITE_WAIT_MS = 2000  # another process is writing
READ_WAIT_MS = 100  # WAL: a reader waits only while the file is being recovered


def open_engine(url: str) -> sa.Engine:
    """An engine that keeps no connections of its own; raises `SettingsError` for a URL that cannot hold a ledger."""
    parsed = _checked(url)
    on_file = is_sqlite(parsed)
    # A connection may pass from thread to thread, but is only ever used by one at a time.
    arguments = {"check_same_thread": False} if on_file else {}
    try:
        engine = sa.create_engine(parsed, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    except ModuleNotFoundError as error:
        raise SettingsError(f"ledger database url: the driver {error.name} is not installed") from error
    if on_file:
        sa.event.listen(engine, "connect", _hand_over_transactions)
        sa.event.listen(engine, "begin", _begin_writing)
    return engine


def sqlite_file(engine: sa.Engine) -> Path | None:
    """The file of an SQLite database; None for a database server."""
    return Path(engine.url.database).absolute() if is_sqlite(engine.url) and engine.url.database else None


def is_sqlite(url: sa.URL) -> bool:
    """Whether it is a file of our own, not a database server."""
    return url.get_backend_name() == "sqlite"


def connect(engine: sa.Engine, mode: Mode) -> sa.Connection:
    """A connection of that mode; raises what the driver raises."""
    connection = engine.connect()
    try:
        if mode == "read":
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        else:
            connection = connection.execution_options(writes=True)
        cursor = connection.connection.cursor()
        for statement in manners(mode, on_file=is_sqlite(engine.url)):
            cursor.execute(statement)
        cursor.close()
        connection.connection.commit()
    except BaseException:
        connection.invalidate()
        connection.close()
        raise
    return connection


def manners(mode: Mode, *, on_file: bool) -> tuple[str, ...]:
    """How a connection behaves, in the words of the database."""
    if not on_file:
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


def make_private(file: Path) -> None:
    """What is sealed in it is PHI: mode 0600 before the first byte (SQLite gives its side files the same mode)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def _checked(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise SettingsError("ledger database url: `sqlite:///path/to/file.db` or `postgresql+…` is expected") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError("ledger database url: SQLite or PostgreSQL is expected")
    if is_sqlite(parsed) and (not parsed.database or ":memory:" in parsed.database):
        raise SettingsError("ledger database url: a file is expected; a ledger in memory would keep nothing")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _hand_over_transactions(connection: Any, _record: object) -> None:
    """Keep the driver from opening transactions by itself: it would do so without asking for the write lock."""
    connection.isolation_level = None


def _begin_writing(connection: sa.Connection) -> None:
    """Ask for the write lock at once, so that the busy timeout holds (a lock upgrade fails without waiting)."""
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees the database as it is now, for as long as it reads, whatever others write meanwhile."""
    on_file = is_sqlite(engine.url)
    options = {"isolation_level": "AUTOCOMMIT"} if on_file else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**options) as connection:
        if on_file:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={WRITE_WAIT_MS}")
            connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            if on_file:
                connection.exec_driver_sql("ROLLBACK")


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for looking after the ledger: one transaction, durable when it is over, and no time limit."""
    on_file = is_sqlite(engine.url)
    with engine.connect().execution_options(writes=True) as connection:
        for statement in manners("durable", on_file=on_file) if on_file else ():
            connection.connection.cursor().execute(statement)
        with connection.begin():
            yield connection
