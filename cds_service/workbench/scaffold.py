"""`second-read rules new`: a rule that validates, with first tests that pass, to be made one's own."""

import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import click

from cds_service.content import Content, content_folder
from cds_service.workbench import terminal
from cds_service.workbench.checking import check_loaded
from cds_service.workbench.trying import Trial, try_rules


@dataclass(frozen=True, slots=True)
class Start:
    """What a scaffold of one concern stands on: a base case, its order, and words of a report that speak and do not."""

    base: str
    trigger: str
    other_code: str
    finding: str
    speaks: str
    quiet: str
    irreversible: str


STARTS = {
    "spine": Start("lumbar-fusion", "spine-surgery: [fusion]", "knee-arthroplasty",
                   "about: [spinal-stenosis], assertion: [present], worst_severity: [mild, moderate]",
                   "IMPRESSION: Moderate central canal stenosis at L4-L5.", "IMPRESSION: Normal study.", "true"),
    "staging": Start("colon-chemotherapy", "oncology-systemic-therapy: [systemic]", "tamoxifen",
                     "about: [metastasis], assertion: [present, uncertain]",
                     "IMPRESSION: Liver metastasis in segment VI.", "IMPRESSION: Normal study.", "false"),
    "lesion": Start("kidney-mass", "high-stakes-surgery: [kidney]", "knee-arthroplasty",
                    "about: [lesion, malignancy], assertion: [present, uncertain]",
                    "IMPRESSION: Suspicious mass in the left kidney.", "IMPRESSION: Normal study.", "true"),
}  # fmt: skip

_TEMPLATE = """\
# yaml-language-server: $schema=../../schema/rule.schema.json
id: {id}
title: "{title}"
version: 0.1.0
status: draft                   # draft -> silent -> active, with `second-read rules promote`
service: second-read
concern: {concern}
rank: 90                        # of several rules that speak, the one with the lowest leads the card
irreversible: {irreversible}
owner: {{team: unassigned, clinical: unassigned, technical: unassigned}}
signed: not clinically approved
reviewed: {today}
review_by: {review_by}           # after this day the rule goes silent

rationale: >-
  Say here why a second read may change what is done, and for whom.
evidence: []                    # ids of cards/evidence.yaml
known_false_positives:
  - Say here when it speaks and had better not.

parameters:
  study_max_age: {{value: 90, unit: d, why: Say here why this number.}}

window: $study_max_age          # an older study is no basis

criteria:                       # ALL are to be met
  - id: ordered
    says: The treatment that this rule is about is being signed.
    order: {{in: {{{trigger}}}, status: [draft, active]}}
  - id: report-says
    says: The report says what makes a second read worth its time.
    finding: {{{finding}}}

exclusions: []                  # ANY one keeps it quiet; those of every rule (cards/exclusions.yaml) hold anyway

route: {{by: organ, turnaround: 24 h}}

card:
  summary: "Before this treatment, consider a second read of the {{study}}"
  why: "The plan rests on what this report says."
  question: "Do the images support the plan?"
  reason: the plan rests on this report
  override_reasons: [doneReread, reviewedRad, noChange, urgent, notFeasible, wrong]

tests:
  - name: speaks when the report says so
    base: {base}
    report: "{speaks}"
    expect: {{outcome: indicated{also_speaks}}}
  - name: quiet when the report does not say so
    base: {base}
    report: "{quiet}"
    expect: {{outcome: not-indicated, because: report-says{also_quiet}}}
  - name: quiet for another treatment
    base: {base}
    order: {{code: {other}}}
    report: "{speaks}"
    expect: {{outcome: not-indicated, because: ordered{also_other}}}

changes:
  0.1.0: First draft.
"""


@click.command(name="new")
@click.argument("id")
@click.option(
    "--concern", default="spine", show_default=True, type=click.Choice(sorted(STARTS)), help="What it is about."
)
@click.option("--title", help="One line that says when it speaks.")
@terminal.CONTENT
@terminal.AS_JSON
def new_rule(id: str, concern: str, title: str | None, layers: tuple[Path, ...], as_json: bool) -> None:
    """Write a new rule ID as a draft, with first tests in both directions that pass.

    Exit codes: 0 written, 1 there is such a file already, or the id is none.
    """
    content = terminal.load_or_leave(layers)
    if not id.replace("-", "").isalnum() or id != id.lower() or id.startswith("-"):
        terminal.leave(f"'{id}' is no id: small letters, digits and hyphens, such as lumbar-fusion-young")
    rules = content.folder / "cards" / "rules"
    taken = next(rules.rglob(f"{id}.yaml"), None)
    if taken is not None:
        terminal.leave(f"{terminal.short(str(taken))} is there already; nothing was written")
    path = rules / concern / f"{id}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    today = date.today()  # noqa: DTZ011  a review date is a day of the owner's calendar
    title = title or f"A {concern} rule that says in one line when it speaks"
    path.write_text(_text(id, concern, title, today), encoding="utf-8")
    trials, said = _settled(path, id, concern, title, today, content)
    if as_json:
        terminal.say_json({"file": str(path), "tests": len(trials), "failed": sum(bool(t.wrong) for t in trials)})
    else:
        terminal.say(f"written: {terminal.short(str(path))}", "bold green")
        for line in said:
            terminal.say(line, "red")
        terminal.say(f"{len(trials)} tests tried, {sum(bool(t.wrong) for t in trials)} failed")
        terminal.say(f"next: second-read rules test {id}{_again(layers)}", "dim")
    sys.exit(1 if said or any(trial.wrong for trial in trials) else 0)


def _settled(
    path: Path, id: str, concern: str, title: str, today: date, content: Content
) -> tuple[list[Trial], list[str]]:
    """The new rule's tests tried; where other rules speak on the same cases, its tests then say so."""
    trials, said = _tried(path, id, today, content)
    also = tuple(sorted({line.split("'")[1] for line in trial.wrong if "speaks too" in line}) for trial in trials)
    if any(also):
        path.write_text(_text(id, concern, title, today, also), encoding="utf-8")
        trials, said = _tried(path, id, today, content)
    return trials, said


def _tried(path: Path, id: str, today: date, content: Content) -> tuple[list[Trial], list[str]]:
    found, problems = check_loaded(content, today)
    mine = [str(problem) for problem in problems if problem.file == str(path)]
    return list(try_rules([rule for rule in found if rule.id == id], content)), mine


def _text(id: str, concern: str, title: str, today: date, also: tuple[list[str], ...] = ((), (), ())) -> str:  # type: ignore[assignment]  # empty is empty
    start = STARTS[concern]
    named = [f", also: [{', '.join(ids)}]" if ids else "" for ids in also]
    return _TEMPLATE.format(
        id=id, title=title, concern=concern, irreversible=start.irreversible, today=today,
        review_by=today + timedelta(days=365), trigger=start.trigger, finding=start.finding, base=start.base,
        speaks=start.speaks, quiet=start.quiet, other=start.other_code, also_speaks=named[0], also_quiet=named[1],
        also_other=named[2],
    )  # fmt: skip


def _again(layers: tuple[Path, ...]) -> str:
    return "" if layers == (content_folder(),) else "".join(f" --content {layer}" for layer in layers)
