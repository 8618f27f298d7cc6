"""One decision, as each client shows it: held word for word by golden files, and what is lost is said in words.

`UPDATE_GOLDEN=1 python -m pytest tests/cards/test_cards_clients.py` writes them anew; the difference is to be read.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import builders as b
import pytest

from cds_service.cards import build_cards, profile_of
from cds_service.cards.client import rendered
from cds_service.content import Content
from cds_service.gather import cases, orders
from cds_service.model import AuthenticatedClient, HookRequest
from cds_service.service import decide_case

GOLDEN = Path(__file__).parent / "golden"
CLIENTS = ("reference", "epic", "athena", "oracle", "unknown")
KEY = "urn:com.epic.cdshooks.action.code.system.preference-list-item|SECREADNEURO"


@pytest.fixture(scope="module")
def cards(content: Content, hook_request: Callable[..., HookRequest]) -> dict[str, dict[str, Any]]:
    """The card of one lumbar fusion, for each client; the site has built one order key for Epic."""
    request = hook_request(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    basket = orders(request, content.value_sets)
    decisions = tuple(decide_case(case, content) for case in cases(request, basket, content=content, now=b.NOW))
    words = replace(content.words, site=replace(content.site, order_keys={"epic": {"neuroradiology": KEY}}))
    made = {}
    for name in CLIENTS:
        numbers = count(1)
        (card,) = build_cards(
            decisions, content.rules.speech, words, client=words.clients[name], user=request.user_id, now=b.NOW,
            new_uuid=lambda numbers=numbers: f"uuid-{next(numbers)}",
        )  # fmt: skip
        made[name] = card.wire
    return made


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_is_shown_exactly_this(client: str, cards: dict[str, dict[str, Any]]) -> None:
    """The card, field by field, as it goes to that client."""
    path = GOLDEN / f"{client}.json"
    text = json.dumps(cards[client], indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_decision_is_one(cards: dict[str, dict[str, Any]]) -> None:
    """Summary, indicator, source and topic are the same for all: a dismissal sticks wherever it was made."""
    for field in ("summary", "indicator", "source"):
        assert len({json.dumps(card[field]) for card in cards.values()}) == 1


def test_epic_is_told_which_study_to_enter(cards: dict[str, dict[str, Any]]) -> None:
    """Epic ignores every detail of a created order: one action, its own key, nothing else, the study in the words."""
    (suggestion,) = cards["epic"]["suggestions"]
    (action,) = suggestion["actions"]
    assert set(action["resource"]) == {"resourceType", "status", "intent", "category", "code", "subject"}
    assert action["resource"]["code"]["coding"] == [dict(zip(("system", "code"), KEY.split("|"), strict=True))]
    assert cards["epic"]["selectionBehavior"] == "any"
    assert suggestion["isRecommended"] is False
    assert "Enter the study: lumbar MRI of 31 Oct 2026" in cards["epic"]["detail"]
    assert "lumbar MRI of 31 Oct 2026" in action["description"]


@pytest.mark.parametrize("client", ["oracle", "unknown"])
def test_without_suggestions_the_order_is_named(client: str, cards: dict[str, dict[str, Any]]) -> None:
    """Where nothing can be clicked, the card says what to order, in at most five short lines, and promises no click."""
    card = cards[client]
    assert {"suggestions", "selectionBehavior", "overrideReasons", "links"}.isdisjoint(card)
    lines = card["detail"].split("\n")
    assert len(lines) <= 5
    assert max(map(len, lines)) <= 120
    assert "**To order:** Second read – Neuroradiology" in card["detail"]
    assert "opens" not in card["detail"]


def test_epic_without_a_key_gets_no_dead_button(content: Content, cards: dict[str, dict[str, Any]]) -> None:
    """A create that Epic would not carry out is not offered; the card names the order instead."""
    made = rendered(cards["reference"], content.words.clients["epic"], None, "lumbar MRI")
    assert "suggestions" not in made
    assert "**To order:** Second read – Neuroradiology" in made["detail"]
    assert len(made["overrideReasons"]) == len(cards["reference"]["overrideReasons"])


def test_a_link_that_would_vanish_is_replaced_by_words(content: Content, cards: dict[str, dict[str, Any]]) -> None:
    """Where links do not reach the user, the card says where to look."""
    link = {"label": "Open the second read", "url": "https://ehr.example/r/1", "type": "absolute"}
    card = cards["reference"] | {"links": [link]}
    for name, kept in (("reference", True), ("athena", True), ("epic", False), ("oracle", False)):
        made = rendered(card, content.words.clients[name], KEY, "lumbar MRI")
        assert ("links" in made) is kept, name
        assert ("among the reports in the chart" in made["detail"]) is not kept, name


@pytest.mark.parametrize(
    ("issuer", "configured", "extension", "expected"),
    [
        ("https://ehr.example", "", {}, "reference"),
        ("https://ehr.example", "athena", {"com.epic.cdshooks.request.bpa-trigger-action": 23}, "athena"),
        ("https://ehr.example", "", {"com.epic.cdshooks.request.bpa-trigger-action": 23}, "epic"),
        ("https://cds-hooks.cerner.com", "", {}, "oracle"),
        ("https://notcerner.com", "", {}, "reference"),
        ("https://api.athenahealth.com/v1", "", {}, "athena"),
        ("https://ehr.example", "no-such-file", {}, "unknown"),
        ("anonymous", "", {"davinci-crd.configuration": {}}, "reference"),
    ],
)
def test_how_a_client_is_known(
    issuer: str,
    configured: str,
    extension: dict[str, Any],
    expected: str,
    content: Content,
    hook_request: Callable[..., HookRequest],
) -> None:
    """By configuration first, then by its issuer, then by marks of the request; else it follows the specification."""
    request = hook_request(b.fusion(), extension=extension)
    caller = AuthenticatedClient(issuer, profile=configured)
    assert profile_of(content.words.clients, caller, request).name == expected
