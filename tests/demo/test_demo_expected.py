"""What counts as a difference between an answer and its chart."""

from typing import Any

import pytest

from cds_service.demo.expected import differences, reason

REPORT = "IMPRESSION: Moderate central canal\nstenosis at L4-L5."
EXPECTED = {
    "card": {
        "indicator": "warning",
        "rule": "spine-fusion",
        "reader": "neuroradiology",
        "quote": "Moderate central canal stenosis at L4-L5",
    }
}


def card(**changes: Any) -> dict[str, Any]:
    """A card as the service words it."""
    order = {"resourceType": "ServiceRequest", "performerType": {"text": "Neuroradiology"}}
    return {
        "summary": "Consider a second read.",
        "indicator": "warning",
        "detail": '* **Based on:** MRI, impression: "Moderate central canal stenosis at L4\\-L5".',
        "suggestions": [{"actions": [{"resource": order}]}],
        **changes,
    }


def verdict(outcome: str, because: str = "", rule: str = "spine-fusion") -> dict[str, Any]:
    """A verdict as the ledger tells it."""
    return {"rule": rule, "outcome": outcome, "because": because}


def test_the_expected_card_is_no_difference() -> None:
    """Indicator, rule, reader and quote as expected: nothing to say, escapes and line breaks notwithstanding."""
    assert differences(EXPECTED, [card()], [verdict("indicated")], [REPORT]) == ()


@pytest.mark.parametrize(
    ("cards", "verdicts", "reports", "said"),
    [
        ([], [verdict("excluded", "x1-emergency")], [REPORT], "expected one card, got 0"),
        ([card(), card()], [verdict("indicated")], [REPORT], "expected one card, got 2"),
        ([card(indicator="info")], [verdict("indicated")], [REPORT], "expected indicator warning, got info"),
        ([card()], [verdict("indicated", rule="other")], [REPORT], "expected rule spine-fusion to speak"),
        ([card(suggestions=[])], [verdict("indicated")], [REPORT], "got no suggestion"),
        ([card(detail="")], [verdict("indicated")], [REPORT], "expected the card to quote"),
        ([card()], [verdict("indicated")], ["IMPRESSION: Normal."], "stands in no report"),
    ],
)
def test_another_card_is_named(cards: list[Any], verdicts: list[Any], reports: list[str], said: str) -> None:
    """Each way in which a card can differ is said in words."""
    assert said in " ".join(differences(EXPECTED, cards, verdicts, reports))


@pytest.mark.parametrize(
    ("wanted", "verdicts"),
    [
        ("x1-emergency", [verdict("not-indicated", "a"), verdict("excluded", "x1-emergency")]),
        ("irrelevant", []),
        ("not-indicated", [verdict("not-indicated", "cancer")]),
    ],
)
def test_the_expected_silence_is_no_difference(wanted: str, verdicts: list[Any]) -> None:
    """Silence for the named exclusion, at triage, or because no rule's criteria were met."""
    assert differences({"silent": wanted}, [], verdicts, []) == ()


@pytest.mark.parametrize(
    ("wanted", "cards", "verdicts"),
    [
        ("x1-emergency", [card()], [verdict("indicated")]),
        ("x1-emergency", [], [verdict("excluded", "x9-lead-time")]),
        ("x1-emergency", [], []),
        ("irrelevant", [], [verdict("not-indicated", "cancer")]),
        ("not-indicated", [], [verdict("undetermined", "cancer")]),
        ("not-indicated", [], []),
    ],
)
def test_another_silence_is_named(wanted: str, cards: list[Any], verdicts: list[Any]) -> None:
    """Silence for another reason, or a card where there should be none, is a difference that names the reason."""
    assert wanted in " ".join(differences({"silent": wanted}, cards, verdicts, []))


def test_the_reason_shown_is_the_exclusion() -> None:
    """Of several verdicts the exclusions are what is named; without one, what was unmet or unknown."""
    assert reason([verdict("not-indicated", "a"), verdict("excluded", "x1-emergency")]) == "x1-emergency"
    assert reason([verdict("undetermined", "stenosis")]) == "undetermined: stenosis"
    assert reason([]) == "irrelevant"
