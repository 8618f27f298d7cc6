"""Bytes of a feedback call -> `Feedback` items, and what is wrong with the others (CDS Hooks 2.0.1, Feedback).

Epic's dialect is read too: `overrideReasons` in place of `overrideReason`, and its own acknowledgement reasons as named
extensions of the reason or of the entry. A client's own codes are kept as they are, numbers as text. An entry that
cannot be read never costs the others: they are kept, and it is named.
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
    given = _given(entry)
    reason = given.get("reason") or {}
    code, system = reason.get("code"), reason.get("system")
    comments = [given.get("userComment")]
    extension = {**(entry.get("extension") or {}), **(given.get("extension") or {})}
    if code is None and f"{_EPIC_REASON}.reasonCategory" in extension:
        code, system = str(extension[f"{_EPIC_REASON}.reasonCategory"]), _EPIC_REASON
    # What the user picked in words of the site; kept where the comment is kept, for it may be free text.
    told = [extension.get(f"{_EPIC_REASON}.{name}") for name in ("reasonTitle", "reasonDisplay")]
    comments = [*dict.fromkeys(told), *comments]
    return Feedback(
        card=entry["card"],
        outcome=entry["outcome"],
        at=at,
        suggestions=tuple(each["id"] for each in entry.get("acceptedSuggestions") or ()),
        reason_code=None if code is None else str(code),
        reason_system=system,
        comment="\n".join(str(comment) for comment in comments if comment) or None,
    )


def _given(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reason, under either name, as an object or as the first of a list that says anything."""
    for name in ("overrideReason", "overrideReasons"):
        given = entry.get(name)
        for each in given if isinstance(given, list) else [given]:
            if each:
                found: Mapping[str, Any] = each
                return found
    return {}


def _instant(entry: Mapping[str, Any]) -> datetime | None:
    try:
        at = datetime.fromisoformat(entry["outcomeTimestamp"].upper().replace(",", "."))
        # The specification asks for UTC; a client that leaves the zone out is taken at that word.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
