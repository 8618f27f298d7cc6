"""Orders that no value set recognised, surgical ones and those that tell no kind: how often each code came.

Only the code and its system are kept, or that there was none; never words, which may hold anything, and nothing of a
patient. Counts gather in memory and are added to a table of their own now and then; at most `MOST` codes are kept in
all, the rest is counted together. Losing a count loses a count: no call waits for it or fails with it.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

MOST = 5_000
NO_CODE, OTHERS = ("", "(no code)"), ("", "(further codes)")
_EVERY_SECONDS = 60
_ONE_AT_A_TIME = 5_302_115  # any number of our own: PostgreSQL lets one process at a time make the table
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/|#+-]{0,63}")
_tables = sa.MetaData()


def _table(name: str) -> sa.Table:
    return sa.Table(
        name,
        _tables,
        sa.Column("system", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first_day", sa.Text, nullable=False),
        sa.Column("last_day", sa.Text, nullable=False),
    )


_LISTS = {"surgery": _table("unmatched_orders"), "unclassified": _table("unclassified_orders")}

Key = tuple[str, str]  # code system, code


@dataclass(frozen=True, slots=True)
class Unmatched:
    """One code that was ordered and not recognised."""

    system: str
    code: str
    count: int
    first_day: str
    last_day: str


class UnmatchedOrders:
    """The counts of one process, and the table they are added to: surgical orders, or those of no kind that is told."""

    def __init__(
        self, url: str, clock: Callable[[], datetime], which: Literal["surgery", "unclassified"] = "surgery"
    ) -> None:
        self._table = _LISTS[which]
        self._engine = sa.create_engine(url, poolclass=sa.pool.NullPool, hide_parameters=True)
        self._clock = clock
        self._waiting: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._written = clock()
        self._ready = False

    def count(self, keys: Iterable[Key]) -> None:
        """Count each key once; whoever finds that a minute has passed has them written, on a thread of its own."""
        with self._lock:
            for key in map(_kept, keys):
                known = key in self._waiting or len(self._waiting) < MOST
                self._waiting[key if known else OTHERS] += 1
            due = (self._clock() - self._written).total_seconds() >= _EVERY_SECONDS
            if due:
                self._written = self._clock()
        if due:
            threading.Thread(target=self.write, name="unmatched-orders", daemon=True).start()

    def write(self) -> bool:
        """Add what waits to the table; False, and nothing lost, where the database cannot be written now."""
        with self._lock:
            waiting, self._waiting = self._waiting, Counter()
        if not waiting:
            return True
        try:
            with self._engine.begin() as connection:
                self._prepare(connection)
                self._add(connection, waiting)
        except (sa.exc.SQLAlchemyError, OSError):
            with self._lock:
                self._waiting.update(waiting)
            return False
        return True

    def listed(self) -> list[Unmatched]:
        """What was ever counted, the most frequent first; raises SQLAlchemyError where it cannot be read."""
        with self._engine.connect() as connection:
            self._prepare(connection)
            rows = connection.execute(sa.select(self._table).order_by(self._table.c.count.desc(), self._table.c.code))
            return [Unmatched(*row) for row in rows]

    def close(self) -> None:
        """Write what waits, and let go of the database."""
        with suppress(sa.exc.SQLAlchemyError):
            self.write()
        self._engine.dispose()

    def _prepare(self, connection: sa.Connection) -> None:
        if not self._ready:
            if connection.dialect.name == "postgresql":  # two that make it at once would fail, one of them
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            _tables.create_all(connection)
            self._ready = True

    def _add(self, connection: sa.Connection, waiting: Counter[Key]) -> None:
        day = self._clock().date().isoformat()
        held = connection.execute(sa.select(sa.func.count()).select_from(self._table)).scalar_one()
        for (system, code), many in sorted(waiting.items()):
            if not self._raise(connection, (system, code), many, day):
                key = (system, code) if held < MOST else OTHERS
                held += 1
                if key != OTHERS or not self._raise(connection, OTHERS, many, day):
                    new = {"system": key[0], "code": key[1], "count": many, "first_day": day, "last_day": day}
                    connection.execute(sa.insert(self._table), [new])

    def _raise(self, connection: sa.Connection, key: Key, many: int, day: str) -> bool:
        values: dict[str, Any] = {"count": self._table.c.count + many, "last_day": day}
        same = (self._table.c.system == key[0]) & (self._table.c.code == key[1])
        return connection.execute(sa.update(self._table).where(same).values(values)).rowcount > 0


def _kept(key: Key) -> Key:
    """The key, unless it looks like words that somebody typed."""
    system, code = key
    return (system[:200], code) if _PLAIN.fullmatch(code) and len(code.split()) <= 2 else NO_CODE
