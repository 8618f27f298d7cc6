"""Bytes of a feedback call -> `Feedback` items, and what is wrong with the others (CDS Hooks 2.0.1, Feedback).

Epic's dialect is read too: `overrideReasons` in place of `overrideReason`, and its own acknowledgement reasons as named
extensions. An entry that cannot be read never costs the others: they are kept, and it is named.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cds_service.errors import BadRequest, Issue
from cds_service.model import Feedback
from cds_service.web.order_sign import parse
from cds_service.web.shapes import issues

_EPIC_REASON = "com.epic.cdshooks.feedback.overrideReason"


def read_feedback(body: bytes) -> tuple[tuple[Feedback, ...], tuple[Issue, ...]]:
    """The readable entries, and an issue for each fault of the others; raises `BadRequest` when there is no list."""
    document = parse(body)
    if not isinstance(document, dict) or not isinstance(document.get("feedback"), list):
        raise BadRequest(issues("feedback", document))
    kept: list[Feedback] = []
    faults: list[Issue] = []
    for number, entry in enumerate(document["feedback"]):
        found = issues("feedback", {"feedback": [entry]})
        at = _instant(entry) if not found else None
        if at is not None:
            kept.append(_item(entry, at))
        else:
            found = found or (Issue("$.feedback[0].outcomeTimestamp", "an RFC 3339 date and time that exists"),)
            faults += [Issue(fault.path.replace("[0]", f"[{number}]", 1), fault.expected) for fault in found]
    return tuple(kept), tuple(faults)


def _item(entry: Mapping[str, Any], at: datetime) -> Feedback:
    given = entry.get("overrideReason") or entry.get("overrideReasons") or {}
    reason = given.get("reason") or {}
    code, system = reason.get("code"), reason.get("system")
    comments = [given.get("userComment")]
    extension = given.get("extension") or {}
    if code is None and f"{_EPIC_REASON}.reasonCategory" in extension:
        code, system = str(extension[f"{_EPIC_REASON}.reasonCategory"]), _EPIC_REASON
        # What the user picked in words of the site; kept where the comment is kept, for it may be free text.
        comments.insert(0, extension.get(f"{_EPIC_REASON}.reasonDisplay"))
    return Feedback(
        card=entry["card"],
        outcome=entry["outcome"],
        at=at,
        suggestions=tuple(each["id"] for each in entry.get("acceptedSuggestions") or ()),
        reason_code=code,
        reason_system=system,
        comment="\n".join(str(comment) for comment in comments if comment) or None,
    )


def _instant(entry: Mapping[str, Any]) -> datetime | None:
    try:
        at = datetime.fromisoformat(entry["outcomeTimestamp"].upper().replace(",", "."))
        # The specification asks for UTC; a client that leaves the zone out is taken at that word.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
