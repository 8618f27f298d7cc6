"""Did what had to happen happen? Compares one answer of the service with what its chart expects. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
IRRELEVANT = "irrelevant"  # the call ended at triage: no rule looked at it
NOT_INDICATED = "not-indicated"  # every rule that looked found a criterion unmet


def differences(
    expected: Mapping[str, Any],
    cards: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Mapping[str, Any]],
    reports: Sequence[str],
) -> tuple[str, ...]:
    """Each difference in one sentence; () when exactly the expected card, or the expected silence, came."""
    wanted = expected.get("card")
    if wanted is None:
        return _of_silence(expected["silent"], cards, verdicts)
    if len(cards) != 1:
        return (f"expected one card, got {len(cards)}; {_told(verdicts)}",)
    return tuple(_of_card(wanted, cards[0], verdicts, reports))


def reason(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Why nothing was shown, as the ledger names it."""
    if not verdicts:
        return IRRELEVANT
    named = dict.fromkeys(each["because"] for each in verdicts if each["outcome"] == "excluded")
    return ", ".join(named or dict.fromkeys(f"{each['outcome']}: {each['because']}" for each in verdicts))


def _of_silence(
    wanted: str, cards: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    if cards:
        return (f"expected silence ({wanted}), got a card: {cards[0]['summary']}",)
    outcomes = {each["outcome"] for each in verdicts}
    if wanted == IRRELEVANT:
        met = not verdicts
    elif wanted == NOT_INDICATED:
        met = outcomes == {NOT_INDICATED}
    else:
        met = any(each["outcome"] == "excluded" and each["because"] == wanted for each in verdicts)
    return () if met else (f"expected silence because of {wanted}; {_told(verdicts)}",)


def _of_card(
    wanted: Mapping[str, Any],
    card: Mapping[str, Any],
    verdicts: Sequence[Mapping[str, Any]],
    reports: Sequence[str],
) -> list[str]:
    found = []
    if card["indicator"] != wanted["indicator"]:
        found.append(f"expected indicator {wanted['indicator']}, got {card['indicator']}")
    spoke = [each["rule"] for each in verdicts if each["outcome"] == "indicated"]
    if wanted["rule"] not in spoke:
        found.append(f"expected rule {wanted['rule']} to speak; {_told(verdicts)}")
    readers = [
        action["resource"].get("performerType", {}).get("text", "").lower()
        for suggestion in card.get("suggestions", [])
        for action in suggestion["actions"]
    ]
    offered = [suggestion.get("label", "") for suggestion in card.get("suggestions", [])]
    if wanted.get("offer") == "notice":
        if offered:
            found.append(f"expected a notice that orders nothing, got {offered[0]}")
    elif wanted.get("offer") == "complete-study":
        if not offered or "Second read" in offered[0]:
            found.append(f"expected a complete study, got {', '.join(offered) or 'no suggestion'}")
    elif wanted["reader"].lower() not in readers:
        found.append(f"expected a {wanted['reader']} second read, got {', '.join(readers) or 'no suggestion'}")
    quote = wanted.get("quote")
    if quote and quote not in shown_text(card):
        found.append(f'expected the card to quote "{quote}"')
    if quote and not any(quote in " ".join(report.split()) for report in reports):
        found.append(f'"{quote}" stands in no report')
    return found


def shown_text(card: Mapping[str, Any]) -> str:
    """The words of a card as a reader sees them: Markdown's escapes and line breaks resolved."""
    return " ".join(_ESCAPED.sub(r"\1", f"{card['summary']} {card.get('detail', '')}").split())


def _told(verdicts: Sequence[Mapping[str, Any]]) -> str:
    said = [f"{each['rule']} {each['outcome']} ({each['because']})" for each in verdicts]
    return "the ledger says: " + ("; ".join(said) if said else "no rule looked at it")
