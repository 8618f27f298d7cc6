"""From rows of cards and feedback to the past cards of a case. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from cds_service.ledger.rows import CallCard, encounter_hash, instant, reference_hash
from cds_service.model import PastCard


class Returned(NamedTuple):
    """One card with one of its feedback items, or none; the columns of `store.HISTORY`."""

    uuid: str
    topic: str
    study_hash: str | None
    order_hash: str
    rules: str
    returned_at: str
    outcome: Literal["accepted", "overridden"] | None = None
    at: str | None = None
    reason_code: str | None = None
    effect: str | None = None
    encounter_hash: str | None = None


def on_the_way(card: CallCard, *, key: bytes, client: str) -> Returned:
    """A card that has not reached the database: nobody can have answered it yet."""
    return Returned(
        uuid=card.uuid,
        topic=card.topic,
        study_hash=reference_hash(key, "study", client, card.study) if card.study else None,
        order_hash=reference_hash(key, "order", client, card.order),
        rules=" ".join(card.rules),
        returned_at=instant(card.at),
        encounter_hash=encounter_hash(key, client, card.encounter),
    )


def past_cards(
    found: Iterable[Sequence[Any]],
    *,
    keys: Sequence[bytes],
    client: str,
    studies: Sequence[str],
    orders: Sequence[str],
    encounter: str | None = None,
) -> tuple[PastCard, ...]:
    """The newest first, one for each card; `study` and `order` as the caller spelled them, None where it named others.

    Of several feedback items accepted beats overridden, and then the latest holds: a client that reports an override
    after the order was placed has only closed the card.
    """
    strongest: dict[str, Returned] = {}
    for columns in found:
        row = Returned(*columns)
        known = strongest.get(row.uuid)
        if known is None or _weight(row) > _weight(known):
            strongest[row.uuid] = row
    if not strongest:
        return ()
    study_names = _names(keys, "study", client, studies)
    order_names = _names(keys, "order", client, orders)
    here = {encounter_hash(key, client, encounter) for key in keys} - {None}
    rows = sorted(strongest.values(), key=lambda row: (row.returned_at, row.uuid), reverse=True)
    return tuple(
        PastCard(
            topic=row.topic,
            study=study_names.get(row.study_hash) if row.study_hash else None,
            order=order_names.get(row.order_hash),
            rules=tuple(row.rules.split()),
            returned=datetime.fromisoformat(row.returned_at),
            outcome=row.outcome or "returned",
            outcome_at=datetime.fromisoformat(row.at) if row.at else None,
            reason=row.reason_code,
            effect=row.effect or "",
            same_encounter=row.encounter_hash in here if here and row.encounter_hash else None,
        )
        for row in rows
    )


def _names(keys: Sequence[bytes], kind: str, client: str, references: Sequence[str]) -> dict[str, str]:
    """What each hash stands for, under whichever key it was made; of several spellings the first holds."""
    return {reference_hash(key, kind, client, each): each for key in keys for each in reversed(references)}


def _weight(row: Returned) -> tuple[int, str, str]:
    strength = {None: 0, "overridden": 1, "accepted": 2}[row.outcome]
    return strength, row.at or "", row.reason_code or ""
