"""One decision as each client shows it, side by side: what an EHR loses, and where words stand in for it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson

from cds_service import gather
from cds_service.cards import Client, build_cards
from cds_service.content import Content
from cds_service.demo.charts import Chart
from cds_service.demo.hook_request import hook_request
from cds_service.model import HookRequest
from cds_service.service import decide_case

ORDER = ("reference", "epic", "athena", "oracle", "unknown")
TITLES = {
    "reference": "CDS Hooks 2.0.1",
    "epic": "Epic",
    "athena": "athenahealth",
    "oracle": "Oracle Health",
    "unknown": "A client nobody knows",
}
_KEY = "urn:com.epic.cdshooks.action.code.system.preference-list-item|SECREAD"


def side_by_side(chart: Chart, content: Content, now: datetime) -> list[dict[str, Any]]:
    """The card of this chart for every client profile, with what is lost; [] where the chart is answered with silence.

    For Epic the site is taken to have built its order keys, as a site that uses it would.
    """
    call = hook_request(chart, content.prefetch, str(uuid4()))
    context = call["context"]
    request = HookRequest(
        hook_instance=call["hookInstance"],
        user_id=context["userId"],
        patient_id=context["patientId"],
        encounter_id=context["encounterId"],
        draft_orders=tuple(context["draftOrders"]["entry"]),
        prefetch=call["prefetch"],
    )
    basket = gather.orders(request, content.value_sets)
    cases = gather.cases(request, basket, content=content, now=now) if basket.relevant else ()
    decisions = tuple(decide_case(case, content) for case in cases)
    keys = {"epic": dict.fromkeys(content.routing.ids, _KEY), **content.site.order_keys}
    words = replace(content.words, site=replace(content.site, order_keys=keys))
    shown: list[dict[str, Any]] = []
    for profile in _profiles(content.words.clients.values()):
        made = build_cards(
            decisions,
            content.rules.speech,
            words,
            client=profile,
            user=request.user_id,
            now=now,
            new_uuid=lambda: str(uuid4()),
        )
        if not made:
            return []
        card = made[0].wire
        full = shown[0]["card"] if shown else card
        shown.append(
            {
                "name": profile.name,
                "title": TITLES.get(profile.name, profile.name),
                "card": card,
                "lost": lost(full, card),
                "bytes": len(orjson.dumps(card)),
            }
        )
    return shown


def _profiles(clients: Iterable[Client]) -> list[Client]:
    """The full card first, then the known clients, then the site's own."""
    return sorted(clients, key=lambda each: (ORDER.index(each.name) if each.name in ORDER else len(ORDER), each.name))


def lost(full: dict[str, Any], card: dict[str, Any]) -> list[str]:
    """What this card lacks of the full one, in words."""
    found = []
    if "suggestions" in full and "suggestions" not in card:
        found.append("no button: the card names the order")
    elif "suggestions" in full:
        before, after = _created(full), _created(card)
        if before.keys() - after.keys():
            found.append(
                "order details (study, reason, question) are not taken over: the card names the study to enter"
            )
    if full.get("selectionBehavior") == "at-most-one" and card.get("selectionBehavior") == "any":
        found.append("suggestions can be ticked together: there is one alone")
    if "overrideReasons" in full and "overrideReasons" not in card:
        found.append("no override reasons")
    if "links" in full and "links" not in card:
        found.append("no links: the card says where to look")
    if len(card["detail"].split("\n")) < len(full["detail"].split("\n")) or "…" in card["detail"]:
        found.append("a narrow panel: shorter and fewer lines")
    return found


def _created(card: dict[str, Any]) -> dict[str, Any]:
    resource: dict[str, Any] = card["suggestions"][0]["actions"][0]["resource"]
    return resource
