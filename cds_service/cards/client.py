"""One card, as each EHR can show it: what a client loses is taken out, and what must not be lost is said in words.

The full card of CDS Hooks 2.0.1 comes in; `rendered` lowers it by the profile of `cards/clients/<name>.yaml`. Nothing
is decided here, so every client is told the same.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cds_service.cards.phrases import cut, escaped
from cds_service.cards.words import Client
from cds_service.model import AuthenticatedClient, HookRequest

Wire = dict[str, Any]
_LEAD = "* **"
_LEAST_NEEDED = ("Evidence", "Also", "Second read", "If you accept")  # first to go where lines are few


def profile_of(clients: Mapping[str, Client], caller: AuthenticatedClient, request: HookRequest | None) -> Client:
    """How to render for this caller: as configured for it, else by its issuer, else by marks of the request itself.

    A configured name without a file is `unknown`; a caller without any mark follows the specification.
    """
    if caller.profile:
        return clients.get(caller.profile) or clients.get("unknown") or Client("unknown", suggestions=False)
    host = urlsplit(caller.id).hostname or ""
    for profile in clients.values():
        if any(host == name or host.endswith("." + name) for name in profile.issuers):
            return profile
    names = request.extensions if request else ()
    for profile in clients.values():
        if any(name.startswith(mark) for mark in profile.extensions for name in names):
            return profile
    return clients.get("reference") or Client("reference")


def rendered(card: Wire, profile: Client, key: str | None, study: str) -> Wire:
    """The card for one client. `key` is the site's `system|code` of the order to create; `study` names it in words."""
    made = dict(card)
    lines = dict(_bullet(line) for line in card.get("detail", "").split("\n") if line)
    suggestions = card.get("suggestions", [])
    creates_by_key = profile.order_code == "site-key"
    if suggestions and (not profile.suggestions or (creates_by_key and not key)):
        del made["suggestions"], made["selectionBehavior"]
        lines.pop("If you accept", None)
        lines["To order"] = escaped(suggestions[0]["label"].removeprefix("Order: ")) + ", by name."
    elif suggestions:
        made["selectionBehavior"] = profile.selection_behavior
        if creates_by_key and key:
            made["suggestions"] = [_by_key(each, key) for each in suggestions]
            about = f" Enter the study: {escaped(study)}." if study else ""
            lines["If you accept"] = f"the order opens with its own defaults.{about} Your order stays as it is."
    if not profile.override_reasons:
        made.pop("overrideReasons", None)
    if not profile.associated_resource:
        made.pop("extension", None)
    if links := card.get("links"):
        kept = [link for link in links if _may_link(link, profile)]
        made["links"] = kept
        if not kept:
            del made["links"]
            lines["Where"] = "among the reports in the chart."
    made["detail"] = _within(lines, profile)
    return made


def _bullet(line: str) -> tuple[str, str]:
    name, _, said = line.removeprefix(_LEAD).partition(":** ")
    return name, said


def _may_link(link: Mapping[str, str], profile: Client) -> bool:
    """Whether a link reaches the user: some clients drop what is not on their own list, so none is promised there."""
    return link["type"] == "absolute" and profile.links == "absolute"


def _by_key(suggestion: Wire, key: str) -> Wire:
    """The same suggestion, whose order is made from the client's own key: all other details would be ignored."""
    system, _, code = key.rpartition("|")
    (action,) = suggestion["actions"]
    full = action["resource"]
    least = {
        "resourceType": full["resourceType"],
        "status": full["status"],
        "intent": full["intent"],
        "category": [{"coding": [{"system": _EPIC_CATEGORY, "code": "outpatient"}]}],
        "code": {"coding": [{"system": system, "code": code}], "text": full["code"]["text"]},
        "subject": full["subject"],
    }
    return suggestion | {"actions": [action | {"resource": least}]}


_EPIC_CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"  # as in Epic's own examples


def _within(lines: dict[str, str], profile: Client) -> str:
    """The bullets that fit this client's panel, each short enough; the least needed go first."""
    kept = dict(lines)
    for name in _LEAST_NEEDED:
        if len(kept) > profile.detail_lines:
            kept.pop(name, None)
    texts = [_text(name, said, profile.line_characters) for name, said in kept.items()]
    return "\n".join(texts[: profile.detail_lines])[: profile.detail_characters]


def _text(name: str, said: str, longest: int) -> str:
    line = f"{_LEAD}{name}:** {said}"
    if not longest or len(line) <= longest:
        return line
    short = cut(line, longest - 1)
    return short[:-1] + '"…' if short.count('"') % 2 else short  # what is quoted stays literal, and closed
