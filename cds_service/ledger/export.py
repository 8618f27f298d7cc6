"""The ledger as plain rows, for whoever is entitled to them."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cds_service.ledger.keys import Keyring
from cds_service.ledger.tables import calls, cards, feedback, irrelevant_calls, operations, review_queue, verdicts

EXPORTED = {  # table -> the column that says when
    "calls": calls.c.day,
    "verdicts": verdicts.c.day,
    "cards": cards.c.returned_at,
    "feedback": feedback.c.received_at,
    "irrelevant_calls": irrelevant_calls.c.minute,
    "operations": operations.c.at,
    "review_queue": review_queue.c.queued_at,
}
SEALED = {
    "user_sealed": "calls.user",
    "location_sealed": "calls.location",
    "comment_sealed": "feedback.comment",
    "subject_sealed": "operations.subject",
}


def columns(table: str) -> list[str]:
    """The columns of an exported row, in order."""
    return [str(column.name) for column in EXPORTED[table].table.columns]


def exported(
    connection: sa.Connection, keys: Keyring, table: str, *, since: str, until: str, opened: bool
) -> Iterator[dict[str, Any]]:
    """The rows of one table from day `since` up to and with day `until`, oldest first.

    Sealed columns stay sealed unless `opened`; then they hold a user's reference, a location and a user's own words.
    """
    when = EXPORTED[table]
    wanted = sa.select(when.table).where(when >= since, when < until + "~").order_by(when)
    with connection.execute(wanted.execution_options(yield_per=500)) as found:
        for row in found.mappings():
            told = {str(name): value for name, value in row.items()}
            if opened:
                told |= {name: keys.open(told[name], column) for name, column in SEALED.items() if name in told}
            yield told
