"""The noise gate: on written orders of every specialty the service keeps quiet, or speaks as it should."""

from typing import Any

import corpora
import pytest

from cds_service.content import Content
from cds_service.model import Outcome

QUIET, LOUD = corpora.lines("quiet"), corpora.lines("loud")


def _named(line: dict[str, Any]) -> str:
    return f"{line['file']}: {line['order'][:50]}"


def test_the_corpora_are_large_enough() -> None:
    """At least 150 orders on which silence is right, and 80 on which a card is."""
    assert len(QUIET) >= 150
    assert len(LOUD) >= 80


@pytest.mark.parametrize("line", QUIET, ids=_named)
def test_a_quiet_order_brings_no_card_and_its_reason_is_named(line: dict[str, Any], content: Content) -> None:
    """No card; and the reason is the one that was written down, where one was."""
    signed = corpora.sign(line, content)
    assert not signed.cards, signed.cards[0].wire["summary"]
    verdicts = [verdict for decision in signed.decisions for verdict in decision.verdicts]
    reasons = {verdict.because for verdict in verdicts if verdict.outcome is Outcome.EXCLUDED}
    if not verdicts:
        reasons = {"irrelevant"}
    elif all(verdict.outcome is Outcome.NOT_INDICATED for verdict in verdicts):
        reasons = {"not-indicated"}
    assert line["because"] == "any" or line["because"] in reasons, reasons


@pytest.mark.parametrize("line", LOUD, ids=_named)
def test_a_loud_order_brings_its_card(line: dict[str, Any], content: Content) -> None:
    """The rule that leads, the indicator, who reads or what is offered, and the report's own words."""
    (card,) = corpora.sign(line, content).cards
    assert (card.rules[0], card.indicator) == (line["rule"], line["indicator"])
    labels = [suggestion["label"] for suggestion in card.wire.get("suggestions", [])]
    if line.get("offers") == "notice":
        assert labels == []
    elif "offers" in line:
        assert line["offers"] in labels[0]
    elif "reads" in line:
        assert line["reads"].lower() in labels[0].lower()
    if "quote" in line:
        assert line["quote"].lower() in card.wire["detail"].replace("\\", "").lower()
