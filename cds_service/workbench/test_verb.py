"""`second-read rules test`: does each rule do what its tests say, and would a test notice a wrong change?"""

import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from cds_service.content import Content
from cds_service.errors import Problem
from cds_service.rules.rule import Rule
from cds_service.workbench import terminal
from cds_service.workbench.checking import check_loaded, names_of
from cds_service.workbench.mutation import EVERY_RULE, Held, explain_survivors, mutate, read_survivors, totals
from cds_service.workbench.trying import Trial, try_rules
from cds_service.yaml_source import nearest

AT_LEAST = 0.95  # the share of mutants that tests are to notice


@click.command(name="test")
@click.argument("id", required=False)
@click.option("-k", "named", metavar="WORDS", help="Only tests whose name holds these words.")
@click.option(
    "--mutate", "mutating", is_flag=True, help="Also change each rule a little and see whether a test notices."
)
@click.option("--every", default=1, show_default=True, type=click.IntRange(1), help="With --mutate: each n-th change.")
@click.option("--jobs", default=0, type=click.IntRange(0), help="With --mutate: processes (one for each core).")
@terminal.CONTENT
@terminal.AS_JSON
def try_tests(
    id: str | None, named: str | None, mutating: bool, every: int, jobs: int, layers: tuple[Path, ...], as_json: bool
) -> None:
    """Try the inline tests of rule ID (of every rule): from report text to verdict.

    With --mutate, one line of a rule at a time is dropped, negated, or moved by one; ID may then also be `exclusions`,
    the exclusions of every rule. A change that no test notices survives; cards/survivors.yaml lists the ones that may,
    with the reason.

    Exit codes: 0 all held; 1 a test failed, there was none to try, under 95 % of the changes were noticed, or a listed
    survivor is none any more; 3 a change survived that is not listed.
    """
    content = terminal.load_or_leave(layers)
    found, problems = check_loaded(content, date.today())  # noqa: DTZ011  the owner's calendar
    known = [rule.id for rule in found]
    if id is not None and id not in known and not (mutating and id == EVERY_RULE):
        terminal.show_problems([problem for problem in problems if problem.severity == "error"])
        raise click.ClickException(
            f"there is no rule '{id}' that can be tried{nearest(id, known)}; there are {', '.join(known)}"
        )
    trials = [trial for trial in try_rules([rule for rule in found if id in (None, rule.id)], content)
              if named is None or named.lower() in trial.test.name.lower()]  # fmt: skip
    failed = [trial for trial in trials if trial.wrong]
    held: tuple[Held, ...] = ()
    noted: tuple[Problem, ...] = ()
    if mutating and not failed:
        held, noted = _mutate(found, content, id, every, jobs)
    if as_json:
        terminal.say_json(_as_json(trials, held, noted, mutating))
    else:
        _show_trials(trials)
        style = "bold red" if failed or not trials else "bold green"
        terminal.say(f"{len(trials)} tests tried, {len(failed)} failed", style)
        if mutating and not failed:
            _show_mutants(held, noted)
    nothing = not trials and id != EVERY_RULE
    too_few = bool(held) and totals(held)["share"] < AT_LEAST
    sys.exit(1 if failed or nothing or too_few else terminal.code_of(noted))


def _mutate(
    found: Sequence[Rule], content: Content, id: str | None, every: int, jobs: int
) -> tuple[tuple[Held, ...], tuple[Problem, ...]]:
    path = content.file("cards/survivors.yaml")
    listed, wrong = read_survivors(path)
    only = (id,) if id else ()
    held = mutate(found, content, names_of(content), only=only, jobs=jobs or os.cpu_count() or 1, every=every)
    told, noted = explain_survivors(held, listed, path, stale=every == 1)
    return told, (*wrong, *noted)


def _as_json(trials: Sequence[Trial], held: Sequence[Held], noted: Sequence[Problem], mutating: bool) -> dict[str, Any]:
    each = [{"rule": t.rule, "name": t.test.name, "line": t.test.line, "wrong": list(t.wrong)} for t in trials]
    told: dict[str, Any] = {"tried": len(trials), "failed": sum(bool(t.wrong) for t in trials), "tests": each}
    if mutating:
        told["mutants"] = totals(held) | {
            "survivors": [{"rule": h.rule, "mutant": h.mutant, "line": h.at, "why": h.why} for h in held if not h.by]
        }
        told["problems"] = [terminal.problem_json(problem) for problem in noted]
    return told


def _show_mutants(held: Sequence[Held], noted: Sequence[Problem]) -> None:
    terminal.show_problems(noted)
    rows = terminal.table(
        "changes of", "made", "noticed", "survive", "listed", right=("made", "noticed", "survive", "listed")
    )
    for name in dict.fromkeys(one.rule for one in held):
        mine = [one for one in held if one.rule == name]
        counted, listed = totals(mine), sum(bool(one.why) for one in mine if not one.by)
        rows.add_row(name, str(counted["mutants"]), str(counted["held"]), str(counted["survived"]), str(listed))
    terminal.console().print(rows)
    counted = totals(held)
    style = "bold green" if counted["share"] >= AT_LEAST else "bold red"
    terminal.say(f"{counted['mutants']} changes made, {counted['held']} noticed ({counted['share']:.1%}), "
                 f"{counted['survived']} survive", style)  # fmt: skip


def _show_trials(trials: Sequence[Trial]) -> None:
    screen = terminal.console()
    for rule in dict.fromkeys(trial.rule for trial in trials):
        mine = [trial for trial in trials if trial.rule == rule]
        failed = [trial for trial in mine if trial.wrong]
        mark = Text("✗ ", style="bold red") if failed else Text("✓ ", style="bold green")
        screen.print(mark + Text(f"{rule}  ", style="bold") + Text(f"{len(mine) - len(failed)} of {len(mine)}", "dim"))
        for trial in failed:
            screen.print(
                Text(f"    {terminal.short(trial.file)}:{trial.test.line}: ", "dim") + Text(trial.test.name, "red")
            )
            for line in trial.wrong:
                screen.print(Text(f"        {line}", "default"))
