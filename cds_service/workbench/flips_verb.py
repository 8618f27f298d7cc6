"""`second-read rules flips`: which known cases come out otherwise than under another state of the content."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click

from cds_service.content import Content, load_content
from cds_service.demo.charts import load_charts
from cds_service.errors import ContentError
from cds_service.model import Case, Verdict
from cds_service.rules.rule import Rule
from cds_service.service import decide_case
from cds_service.workbench import terminal
from cds_service.workbench.checking import check_loaded
from cds_service.workbench.situations import explained
from cds_service.workbench.trying import codes_of, prepare, speaking


@dataclass(frozen=True, slots=True)
class Flip:
    """One case whose verdict by one rule is another; `was` and `now` are outcome and reason."""

    rule: str
    case: str
    was: str
    now: str


@click.command(name="flips")
@click.argument("before", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--rule", "only", help="One rule alone.")
@terminal.CONTENT
@terminal.AS_JSON
def show_flips(before: Path, only: str | None, layers: tuple[Path, ...], as_json: bool) -> None:
    """Say which cases come out otherwise than under the content folder BEFORE.

    The cases are those of the inline tests and the charts of the demo; a rule that is not decided yet is asked as if it
    were. For a hospital's own past orders use a back-test.

    Exit codes: 0 nothing flips, 3 something does, 1 one of the two does not load.
    """
    after = terminal.load_or_leave(layers)
    try:
        old = load_content(before)
    except ContentError as error:
        terminal.show_problems(error.problems)
        sys.exit(1)
    found = tuple(flips(old, after, only))
    if as_json:
        terminal.say_json({"flips": [{"rule": f.rule, "case": f.case, "was": f.was, "now": f.now} for f in found]})
    else:
        for step in dict.fromkeys((flip.rule, flip.was, flip.now) for flip in found):
            mine = [flip.case for flip in found if (flip.rule, flip.was, flip.now) == step]
            terminal.say(f"{step[0]}: {len(mine)} from {step[1]} to {step[2]}", "bold")
            for name in mine:
                terminal.say(f"  {name}")
        terminal.say(f"{len(found)} flips" if found else "nothing flips", "bold yellow" if found else "bold green")
    sys.exit(3 if found else 0)


def flips(old: Content, new: Content, only: str | None = None) -> Iterator[Flip]:
    """Every case of an inline test of `new`, and of a demo chart, whose verdict differs between the two."""
    rules, _ = check_loaded(new, date.today())  # noqa: DTZ011  the owner's calendar
    codes, now = codes_of(new), datetime.now(UTC)
    charts = [(f"chart {c.id}", case) for c in load_charts(now) for case in explained(c.id, new, now).cases]
    for rule in rules:
        if only not in (None, rule.id):
            continue
        was = old.rules.rule(rule.id)
        tests = ((t.name, case) for t in rule.tests for case in prepare(rule, t, new, codes).cases)
        before = speaking(old, was) if was is not None else None
        yield from _compared(rule, before, speaking(new, rule), [*tests, *charts])


def _compared(rule: Rule, before: Content | None, after: Content, cases: list[tuple[str, Case]]) -> Iterator[Flip]:
    for name, case in cases:
        was = _said(case, before, rule.id) if before is not None else "no such rule"
        now = _said(case, after, rule.id)
        if was != now and not (before is None and now == "not asked"):
            yield Flip(rule.id, name, was, now)


def _said(case: Case, content: Content, rule: str) -> str:
    verdict: Verdict | None = next((v for v in decide_case(case, content).verdicts if v.rule == rule), None)
    if verdict is None:
        return "not asked"
    speaks = verdict.outcome.value == "indicated"
    return f"{verdict.outcome.value}, {verdict.indicator}" if speaks else f"{verdict.outcome.value} ({verdict.because})"
