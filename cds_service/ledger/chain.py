"""The hash chain: each transaction of a writer binds the one before, and sealed segments are signed. Pure.

A writer is one process that opened the ledger. Its transactions (*batches*) are numbered without a gap, and the hash of
each covers the hash before it and every row written. From time to time the batches since the last checkpoint are
*sealed*: a checkpoint names their first and last hash, signed with a key derived from the site's (Ed25519, RFC 8032).
A pruned segment leaves its checkpoint behind, so that the chain can still be followed across the hole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

PLACES = 32  # bits of a batch number that say its place in the chain of its writer
LEFT_OUT = frozenset({"id", "batch"})  # numbers that the database gives
Rows = Mapping[str, Iterable[Mapping[str, Any]]]  # table -> rows


def batch_number(writer: int, place: int) -> int:
    """The number of the batch at `place` (from 1) in the chain of that writer."""
    return writer << PLACES | place


def writer_of(batch: int) -> int:
    """Whose batch it is."""
    return batch >> PLACES


def genesis(writer: int, started_at: str) -> str:
    """The hash before the first batch of a writer."""
    return sha256(orjson.dumps(["second-read ledger", writer, started_at])).hexdigest()


def batch_hash(before: str, rows: Rows) -> str:
    """The hash of a batch: of the hash before it and its rows, in whatever order they come back.

    Columns that hold nothing do not count, so that a column added later changes no hash.
    """
    hashed = sha256(before.encode())
    for line in sorted(_line(table, row) for table, some in rows.items() for row in some):
        hashed.update(b"\n")
        hashed.update(line)
    return hashed.hexdigest()


def _line(table: str, row: Mapping[str, Any]) -> bytes:
    kept = {str(name): value for name, value in row.items() if value is not None and name not in LEFT_OUT}
    return orjson.dumps([table, kept], option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain of one writer stands: after the batch `number`, with what is not sealed yet."""

    number: int
    hash: str
    first: int  # the first batch that is not sealed yet
    start: str  # the hash before it
    rows: int = 0  # in the batches that are not sealed yet
    written_at: str = ""

    @classmethod
    def new(cls, writer: int, started_at: str) -> "Head":
        """Before anything was written."""
        hash = genesis(writer, started_at)
        return cls(batch_number(writer, 0), hash, batch_number(writer, 1), hash)

    @property
    def unsealed(self) -> int:
        """How many batches wait to be sealed."""
        return self.number - self.first + 1

    def after(self, rows: Rows, count: int, written_at: str) -> "Head":
        """One batch further."""
        return Head(self.number + 1, batch_hash(self.hash, rows), self.first, self.start, self.rows + count, written_at)

    def sealed(self) -> "Head":
        """The same place, with nothing left to seal."""
        return Head(self.number, self.hash, self.number + 1, self.hash, 0, self.written_at)

    def checkpoint(self, sealed_at: str) -> dict[str, Any]:
        """What a checkpoint of the unsealed batches states; still to be signed."""
        return {
            "last": self.number,
            "first": self.first,
            "start": self.start,
            "hash": self.hash,
            "rows": self.rows,
            "written_at": self.written_at,
            "sealed_at": sealed_at,
        }


def stated(checkpoint: Mapping[str, Any]) -> bytes:
    """The bytes that a checkpoint's signature covers."""
    kept = {str(name): value for name, value in checkpoint.items() if name != "signature"}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
