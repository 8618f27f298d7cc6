"""Inline tests tried: from report text through gathering, reading and deciding to the verdict, as in service."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cds_service import gather
from cds_service.content import Content
from cds_service.errors import ContentError
from cds_service.model import Decision, Outcome, Truth, Verdict
from cds_service.rules.rule import InlineTest, Rule, ruleset
from cds_service.service import decide_case
from cds_service.workbench.base_cases import Situation, read_plain, situation
from cds_service.workbench.resources import Codes


@dataclass(frozen=True, slots=True)
class Trial:
    """One inline test and what came of it; `wrong` is empty where it held."""

    rule: str
    test: InlineTest
    file: str
    wrong: tuple[str, ...]


def try_rules(rules: Iterable[Rule], content: Content) -> Iterator[Trial]:
    """Every inline test of these rules, in order. A rule without tests fails by itself."""
    codes = Codes(read_plain(content.folder / "cards" / "cases" / "codes.yaml"), content.routing)
    for rule in rules:
        content = _switched_on(rule, content)
        if not rule.tests:
            missing = InlineTest("has tests", "", {}, {}, 1)
            yield Trial(rule.id, missing, rule.file, ("the rule has no test at all",))
        for test in rule.tests:
            yield Trial(rule.id, test, rule.file, tuple(_try(rule, test, content, codes)))


def _switched_on(rule: Rule, content: Content) -> Content:
    """A rule that ships switched off is tried as it would speak; the others stay as they are."""
    if rule.status in ("active", "silent"):
        return content
    others = tuple(other for other in content.rules.rules if other.id != rule.id)
    return replace(content, rules=ruleset((*others, replace(rule, status="active")), content.rules.digest))


def _try(rule: Rule, test: InlineTest, content: Content, codes: Codes) -> Iterator[str]:
    try:
        built = build(test, content.folder / "cards" / "cases", codes, rule.id)
    except (KeyError, ContentError, FileNotFoundError) as error:
        yield f"the case cannot be built: {error}"
        return
    decisions = decide_situation(built, content)
    expected = {rule.id, *test.expect.get("also", ())}
    for extra in {v.rule for d in decisions for v in d.indicated} - expected:
        yield f"'{extra}' speaks too, and the test does not name it under expect.also"
    order = built.request.draft_orders[0]["resource"]
    reference = f"{order['resourceType']}/{order['id']}"
    verdict = next((v for d in decisions if d.case.order.reference == reference for v in d.verdicts
                    if v.rule == rule.id), None)  # fmt: skip
    if verdict is None:
        first = rule.criteria[0].id if rule.criteria else ""
        # an order that is no business of the rule never reaches it: its trigger is what is not met
        if test.expect["outcome"] != Outcome.NOT_INDICATED.value or test.expect.get("because") != first:
            yield f"the order does not reach the rule (not-indicated because {first})"
        return
    yield from _compare(verdict, test.expect)


def _compare(verdict: Verdict, expect: Any) -> Iterator[str]:
    said = f"{verdict.outcome.value} because {verdict.because}"
    if verdict.outcome.value != expect["outcome"]:
        yield f"expected {expect['outcome']}, is {said}"
        return
    if "because" in expect and verdict.because != expect["because"]:
        yield f"expected because {expect['because']}, is {said}"
    kept = _not_warning(verdict)
    because = f"because {', '.join(kept)}" if kept else "with every condition of a warning met"
    if "indicator" in expect and verdict.indicator != expect["indicator"]:
        yield f"expected {expect['indicator']}, is {verdict.indicator} ({because})"
    if "info_because" in expect and expect["info_because"] not in kept:
        yield f"expected info because {expect['info_because']}, is {because}"
    quotes = [check.finding.quote for check in verdict.checks if check.finding is not None]
    if "quote" in expect and not any(expect["quote"].lower() in quote.lower() for quote in quotes):
        yield f"expected the quote {expect['quote']!r}, has {quotes}"


def _not_warning(verdict: Verdict) -> tuple[str, ...]:
    """What keeps the card from a warning: ids of warning checks, and of the line that explains."""
    checks = [check for check in verdict.checks if check.role == "warning" and check.truth is not Truth.TRUE]
    return tuple(name for check in checks for name in (check.id, check.because) if name)


def build(test: InlineTest, cases: Path, codes: Codes, rule: str) -> Situation:
    """What the test signs."""
    return situation(_base(cases / f"{test.base}.yaml"), test.changes, codes, rule)


@cache
def _base(path: Path) -> Any:
    return read_plain(path)


def decide_situation(built: Situation, content: Content) -> tuple[Decision, ...]:
    """The decisions on every relevant order of a situation, with no network and no clock of its own."""
    basket = gather.orders(built.request, content.value_sets)
    found = gather.cases(built.request, basket, content=content, history=built.history, now=built.as_of)
    return tuple(decide_case(case, content) for case in found)
