"""Every card that the written orders and the demo's charts bring, as it is rendered, keeps the rules for cards."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import corpora
import pytest

from cds_service.cards import build_cards
from cds_service.content import Content
from cds_service.demo.charts import load_charts
from cds_service.model import Card
from cds_service.rules.card_text import FORBIDDEN
from cds_service.service import decide_case
from cds_service.workbench.situations import explained

LOUD = corpora.lines("loud")
ORDER = ["Why now", "Based on", "Second read", "Evidence", "Also", "Not checked", "If you accept"]
LONG = " with and without intravenous contrast, multiplanar reformats, thin slices, and comparison with earlier studies"
_BULLET = re.compile(r"^\* \*\*(.+?):\*\* (.+)$")
_QUOTED = re.compile(r'"[^"]*"')


def faults(wire: dict[str, Any]) -> list[str]:
    """What of a card is against the design's section 4, in words."""
    found = []
    if not 0 < len(wire["summary"]) <= 139:
        found.append(f"the summary has {len(wire['summary'])} characters")
    if len(wire["detail"]) > 600:
        found.append(f"the detail has {len(wire['detail'])} characters")
    bullets = [_BULLET.match(line) for line in wire["detail"].splitlines()]
    if not all(bullets):
        found.append("a line of the detail is no bullet")
    names = [match[1] for match in bullets if match]
    if len(names) > 6 or names != [name for name in ORDER if name in names]:
        found.append(f"the bullets are {names}")
    if not {"Why now", "Based on", "Not checked"} <= set(names):
        found.append(f"a bullet is missing: {names}")
    if ("If you accept" in names) is not bool(wire.get("suggestions")):
        found.append("what accepting does and what is offered do not go together")
    if wire["indicator"] not in ("info", "warning"):
        found.append(f"the indicator is {wire['indicator']}")
    own = _QUOTED.sub("", f"{wire['summary']}\n{wire['detail']}")  # what is quoted are the report's words
    if match := FORBIDDEN.search(own):
        found.append(f"it says {match[0]!r}")
    offered = wire.get("suggestions", [])
    if len(offered) > 1 or any(suggestion.get("isRecommended") for suggestion in offered):
        found.append("more than one suggestion, or one that is pre-ticked")
    return found


def _of_charts(content: Content) -> Iterator[tuple[str, Card]]:
    for chart in load_charts(corpora.NOW):
        cases = explained(chart.id, content, corpora.NOW).cases
        decisions = tuple(decide_case(case, content) for case in cases)
        for card in build_cards(decisions, content.rules.speech, content.words, now=corpora.NOW, new_uuid=lambda: "u"):
            yield chart.id, card


@pytest.mark.parametrize("line", LOUD, ids=lambda line: f"{line['file']}: {line['order'][:50]}")
def test_a_written_order_brings_a_card_that_keeps_the_rules(line: dict[str, Any], content: Content) -> None:
    """Lengths, order and number of bullets, words: as written, and with a study whose name is very long."""
    (card,) = corpora.sign(line, content).cards
    assert faults(card.wire) == []
    if "study" in line:
        modality, age, words = line["study"]
        for card in corpora.sign({**line, "study": [modality, age, words + LONG]}, content).cards:
            assert faults(card.wire) == []


def test_a_chart_of_the_demo_brings_a_card_that_keeps_the_rules(content: Content) -> None:
    """Every chart on which a rule speaks."""
    cards = list(_of_charts(content))
    assert len(cards) >= 10
    assert {name: faults(card.wire) for name, card in cards if faults(card.wire)} == {}


@pytest.mark.parametrize(("change", "told"), [
    ({"summary": "x" * 140}, "summary has 140"), ({"detail": "* **Why now:** " + "x" * 600}, "detail has"),
    ({"detail": "* **Based on:** a\n* **Why now:** b\n* **Not checked:** c"}, "bullets are"),
    ({"summary": "You must read this"}, "says 'must'"), ({"indicator": "critical"}, "indicator is critical"),
    ({"suggestions": []}, "do not go together"),
])  # fmt: skip
def test_a_broken_card_is_told(change: dict[str, Any], told: str, content: Content) -> None:
    """The check itself can fail, for each of its reasons."""
    (card,) = corpora.sign(LOUD[0], content).cards
    assert any(told in fault for fault in faults({**card.wire, **change}))


@pytest.mark.parametrize(("link", "links"), [
    ("https://viewer.example.org/report/{id}", ["https://viewer.example.org/report/d0"]), ("", []),
])  # fmt: skip
def test_a_notice_links_to_the_second_read_where_the_site_says_where(
    link: str, links: list[str], content: Content
) -> None:
    """`report_link` of site.yaml with the id of the second read; without it no link at all, and never a suggestion."""
    line = next(line for line in LOUD if line.get("offers") == "notice")
    site = replace(content.words.site, report_link=link)
    (card,) = corpora.sign(line, replace(content, words=replace(content.words, site=site))).cards
    assert [each["url"] for each in card.wire.get("links", [])] == links
    assert "suggestions" not in card.wire
