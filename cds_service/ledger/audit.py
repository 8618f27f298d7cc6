"""Looking after a ledger that may be in use: verify its chains, seal what was abandoned, prune what is too old."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from cds_service.errors import SettingsError
from cds_service.ledger.chain import Head, batch_hash, batch_number, stated, writer_of
from cds_service.ledger.keys import Keyring
from cds_service.ledger.store import signed
from cds_service.ledger.tables import PRUNED, RECORDED, about, batches, checkpoints, writers

Tables = Sequence[sa.Table]
AT_ONCE = 50  # batches whose rows are held in memory together
MOST_PROBLEMS = 100


@dataclass(slots=True)
class Audit:
    """What `verify` found. `anchor` covers every checkpoint: noted elsewhere, it shows later that none was removed."""

    writers: int = 0
    sealed: int = 0  # segments whose rows are here and fit their checkpoint
    pruned: int = 0  # segments of which only the checkpoint is left
    unsealed: int = 0  # batches not sealed yet: they fit their chain, and nothing is signed
    rows: int = 0
    anchor: str = ""
    problems: list[str] = field(default_factory=list)

    def report(self, problem: str) -> None:
        """Remember one problem; beyond a hundred only the fact."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
        elif len(self.problems) == MOST_PROBLEMS:
            self.problems.append("further problems are not listed")


def verify(connection: sa.Connection, keys: Keyring) -> Audit:
    """Follow every chain from its beginning, row by row; reads only, and holds a few batches in memory at a time."""
    audit = Audit()
    anchor = sha256()
    tables = _recorded(connection)
    for writer in connection.execute(sa.select(writers).order_by(writers.c.id)).all():
        audit.writers += 1
        _verify_chain(connection, tables, keys, audit, Head.new(writer.id, writer.started_at), anchor)
    audit.anchor = anchor.hexdigest()
    _find_strangers(connection, tables, audit)
    return audit


def seal_abandoned(connection: sa.Connection, keys: Keyring, *, before: str, now: str) -> int:
    """Seal the chains of writers that ended without doing so, and have been silent since `before`; how many."""
    sealed = 0
    tables = _recorded(connection)
    for writer in connection.execute(sa.select(writers).order_by(writers.c.id)).all():
        audit = Audit()
        head = _verify_chain(connection, tables, keys, audit, Head.new(writer.id, writer.started_at), sha256())
        if head.unsealed and not audit.problems and head.written_at < before:
            connection.execute(sa.insert(checkpoints).values(**signed(head, now, keys)))
            sealed += 1
    return sealed


def prune(connection: sa.Connection, *, before: str) -> tuple[int, int]:
    """Remove the rows of sealed segments that were finished before that instant; (segments, rows) removed.

    In one transaction of the caller's. The checkpoints stay, so that `verify` can step across the hole.
    """
    segments = rows = 0
    if unknown := {table.name for table in _recorded(connection)} - {table.name for table in RECORDED}:
        names = ", ".join(sorted(unknown))
        raise SettingsError(
            f"ledger: a later version added {names}, and only it knows how long that stays: prune with it"
        )
    connection.execute(sa.insert(about).values(name="pruning", value=before))
    old = sa.select(checkpoints.c.first, checkpoints.c.last).where(checkpoints.c.written_at < before)
    for first, last in connection.execute(old).all():
        if not connection.execute(sa.delete(batches).where(batches.c.batch.between(first, last))).rowcount:
            continue  # pruned before
        segments += 1
        for table in PRUNED:
            rows += connection.execute(sa.delete(table).where(table.c.batch.between(first, last))).rowcount
    connection.execute(sa.delete(about).where(about.c.name == "pruning"))
    return segments, rows


def _verify_chain(
    connection: sa.Connection, tables: Tables, keys: Keyring, audit: Audit, head: Head, anchor: Any
) -> Head:
    """One writer's chain, segment by segment; the head it has when that is done."""
    writer = writer_of(head.number)
    lowest, highest = batch_number(writer, 0), batch_number(writer + 1, 0)
    own = checkpoints.c.first.between(lowest, highest - 1)
    for seal in connection.execute(sa.select(checkpoints).where(own).order_by(checkpoints.c.first)).mappings().all():
        anchor.update(seal["signature"].encode())
        if not keys.signed(stated(dict(seal)), seal["public_key"], seal["signature"]):
            audit.report(f"writer {writer}: the checkpoint of {_range(seal)} carries no signature of this site")
        if (seal["first"], seal["start"]) != (head.first, head.start):
            audit.report(f"writer {writer}: the checkpoint of {_range(seal)} does not follow what is before it")
        head = Head(seal["first"] - 1, seal["start"], seal["first"], seal["start"])
        found = _follow(connection, tables, audit, head, seal["last"])
        if found.number == head.number:  # none of its batches is here
            audit.pruned += 1
        elif (found.number, found.hash, found.rows) != (seal["last"], seal["hash"], seal["rows"]):
            audit.report(f"writer {writer}: the rows of {_range(seal)} are not those that were sealed")
        else:
            audit.sealed += 1
        head = Head(seal["last"], seal["hash"], seal["last"] + 1, seal["hash"])
    head = _follow(connection, tables, audit, head, highest - 1)
    audit.unsealed += head.unsealed
    return head


def _follow(connection: sa.Connection, tables: Tables, audit: Audit, head: Head, last: int) -> Head:
    """From `head` up to batch `last`, or to where the chain ends; reports the first batch that does not fit."""
    wanted = sa.select(batches).where(batches.c.batch.between(head.number + 1, last)).order_by(batches.c.batch)
    with connection.execute(wanted.execution_options(yield_per=1000)) as listed:
        for some in _by(AT_ONCE, listed.mappings()):
            rows = _rows(connection, tables, some[0]["batch"], some[-1]["batch"])
            for batch in some:
                number = batch["batch"]
                if number != head.number + 1:
                    audit.report(f"writer {writer_of(number)}: batch {_place(head.number + 1)} is missing")
                    return head
                written = rows.get(number, {})
                count = sum(len(some) for some in written.values())
                if (count, batch_hash(head.hash, written)) != (batch["rows"], batch["hash"]):
                    audit.report(
                        f"writer {writer_of(number)}: batch {_place(number)} of {batch['written_at']} was changed"
                    )
                # The stated hash is followed, so that one changed batch is one problem and not all that come after it.
                head = Head(
                    number, batch["hash"], head.first, head.start, head.rows + batch["rows"], batch["written_at"]
                )
                audit.rows += count
    return head


def _recorded(connection: sa.Connection) -> Tables:
    """The tables whose rows the chain binds, as the database has them: a later version, which serves beside this one or
    from which somebody went back to this one, may have added columns and tables, and its rows are rows like ours."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if "batch" in table.c and table.name != batches.name]


def _rows(
    connection: sa.Connection, tables: Tables, first: int, last: int
) -> dict[int, dict[str, list[Mapping[str, Any]]]]:
    """The rows of those batches, by batch and table."""
    found: dict[int, dict[str, list[Mapping[str, Any]]]] = {}
    for table in tables:
        for row in connection.execute(sa.select(table).where(table.c.batch.between(first, last))).mappings():
            kept = dict(row)
            found.setdefault(row["batch"], {}).setdefault(table.name, []).append(kept)
    return found


def _find_strangers(connection: sa.Connection, tables: Tables, audit: Audit) -> None:
    """Rows of a batch that no chain knows were put in from outside."""
    pruned = {table.name for table in PRUNED}
    for table in tables:
        unknown = sa.select(sa.func.count()).select_from(table.outerjoin(batches, batches.c.batch == table.c.batch))
        missing: sa.ColumnElement[bool] = batches.c.batch.is_(None)
        if table.name not in pruned:  # it outlives its batch, whose checkpoint stays
            sealed = sa.exists().where(table.c.batch.between(checkpoints.c.first, checkpoints.c.last))
            missing = sa.and_(missing, ~sealed)
        count = connection.execute(unknown.where(missing)).scalar_one()
        if count:
            audit.report(f"{table.name}: {count} rows belong to no batch of any chain")


def _by(size: int, found: Any) -> Iterator[Sequence[Mapping[str, Any]]]:
    while some := found.fetchmany(size):
        yield some


def _place(batch: int) -> int:
    return batch & 0xFFFFFFFF


def _range(seal: sa.RowMapping) -> str:
    return f"batches {_place(seal['first'])} to {_place(seal['last'])}"
