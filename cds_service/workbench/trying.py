"""Inline tests tried: from report text through gathering, reading and deciding to the verdict, as in service."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cds_service import gather
from cds_service.content import Content
from cds_service.errors import ContentError
from cds_service.model import Case, Decision, Outcome, Truth, Verdict
from cds_service.rules.rule import InlineTest, Rule, ruleset
from cds_service.service import decide_case, read_case
from cds_service.workbench.base_cases import Situation, read_plain, situation
from cds_service.workbench.resources import Codes


@dataclass(frozen=True, slots=True)
class Trial:
    """One inline test and what came of it; `wrong` is empty where it held."""

    rule: str
    test: InlineTest
    file: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An inline test whose cases are gathered and whose reports are read: it can be decided again and again.

    `wrong` says why the cases could not be built, and is empty otherwise.
    """

    rule: str
    test: InlineTest
    order: str = ""  # reference of the order that the test is about
    cases: tuple[Case, ...] = ()
    wrong: str = ""


def try_rules(rules: Iterable[Rule], content: Content) -> Iterator[Trial]:
    """Every inline test of these rules, in order. A rule without tests fails by itself."""
    codes = codes_of(content)
    for rule in rules:
        trying = speaking(content, rule)
        if not rule.tests:
            missing = InlineTest("has tests", "", {}, {}, 1)
            yield Trial(rule.id, missing, rule.file, ("the rule has no test at all",))
        for test in rule.tests:
            prepared = prepare(rule, test, content, codes)
            yield Trial(rule.id, test, rule.file, tuple(judge(prepared, rule, trying)))


def codes_of(content: Content) -> Codes:
    """The codes that inline tests name, of cards/cases/codes.yaml."""
    return Codes(read_plain(content.file("cards/cases/codes.yaml")), content.routing)


def speaking(content: Content, rule: Rule) -> Content:
    """The content in which this rule speaks whatever its status: a draft's tests say what it would do."""
    others = tuple(other for other in content.rules.rules if other.id != rule.id)
    return replace(
        content, rules=ruleset((*others, replace(rule, status="active")), content.rules.digest, content.rules.warnings)
    )


def prepare(rule: Rule, test: InlineTest, content: Content, codes: Codes) -> Prepared:
    """The test's cases, gathered and read."""
    try:
        built = build(test, content.file(f"cards/cases/{test.base}.yaml"), codes, rule.id)
    except (KeyError, ContentError, FileNotFoundError) as error:
        return Prepared(rule.id, test, wrong=f"the case cannot be built: {error}")
    order = built.request.draft_orders[0]["resource"]
    cases = tuple(read_case(case, content) for case in cases_of(built, content))
    return Prepared(rule.id, test, f"{order['resourceType']}/{order['id']}", cases)


def judge(prepared: Prepared, rule: Rule, content: Content) -> Iterator[str]:
    """What does not come out as the test says, when `content` decides its cases."""
    if prepared.wrong:
        yield prepared.wrong
        return
    expect = prepared.test.expect
    decisions = [decide_case(case, content) for case in prepared.cases]
    expected = {rule.id, *expect.get("also", ())}
    for extra in {v.rule for d in decisions for v in d.indicated} - expected:
        yield f"'{extra}' speaks too, and the test does not name it under expect.also"
    verdict = next((v for d in decisions if d.case.order.reference == prepared.order for v in d.verdicts
                    if v.rule == rule.id), None)  # fmt: skip
    if verdict is None:
        first = rule.criteria[0].id if rule.criteria else ""
        # an order that is no business of the rule never reaches it: its trigger is what is not met
        if expect["outcome"] != Outcome.NOT_INDICATED.value or expect.get("because") != first:
            yield f"the order does not reach the rule (not-indicated because {first})"
        return
    yield from _compare(verdict, expect)


def _compare(verdict: Verdict, expect: Any) -> Iterator[str]:
    said = f"{verdict.outcome.value} because {verdict.because}"
    if verdict.outcome.value != expect["outcome"]:
        yield f"expected {expect['outcome']}, is {said}"
        return
    if "because" in expect and verdict.because != expect["because"]:
        yield f"expected because {expect['because']}, is {said}"
    kept = not_warning(verdict)
    because = f"because {', '.join(kept)}" if kept else "with every condition of a warning met"
    if "indicator" in expect and verdict.indicator != expect["indicator"]:
        yield f"expected {expect['indicator']}, is {verdict.indicator} ({because})"
    if "info_because" in expect and expect["info_because"] not in kept:
        yield f"expected info because {expect['info_because']}, is {because}"
    quotes = [check.finding.quote for check in verdict.checks if check.finding is not None]
    if "quote" in expect and not any(expect["quote"].lower() in quote.lower() for quote in quotes):
        yield f"expected the quote {expect['quote']!r}, has {quotes}"


def not_warning(verdict: Verdict) -> tuple[str, ...]:
    """What keeps the card from a warning: ids of warning checks, and of the line that explains."""
    checks = [check for check in verdict.checks if check.role == "warning" and check.truth is not Truth.TRUE]
    return tuple(name for check in checks for name in (check.id, check.because) if name)


def build(test: InlineTest, base: Path, codes: Codes, rule: str) -> Situation:
    """What the test signs."""
    return situation(_base(base), test.changes, codes, rule)


@cache
def _base(path: Path) -> Any:
    return read_plain(path)


def at_site(built: Situation, content: Content) -> Content:
    """The content with what the situation says of the site: readers whom it knows, and who has opted out."""
    if not built.roster and not built.opted_out:
        return content
    exempt = dict.fromkeys(built.opted_out)
    return replace(content, site=replace(content.site, roster=dict(built.roster), exempt=exempt))


def cases_of(built: Situation, content: Content) -> tuple[Case, ...]:
    """The cases of every relevant order of a situation, with no network and no clock of their own."""
    content = at_site(built, content)
    basket = gather.orders(built.request, content.value_sets)
    return gather.cases(built.request, basket, content=content, history=built.history, now=built.as_of)


def decide_situation(built: Situation, content: Content) -> tuple[Decision, ...]:
    """The decisions on every relevant order of a situation."""
    return tuple(decide_case(case, content) for case in cases_of(built, content))
