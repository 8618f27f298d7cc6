"""`second-read rules validate` and `second-read rules test`: no network, the service's own deciding."""

import json
import sys
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds_service.content import Content, content_folder, load_content
from cds_service.content.files import read_override_reasons
from cds_service.errors import ContentError, Problem
from cds_service.reading import Lexicon, load_lexicon
from cds_service.routing import Routing, load_routing
from cds_service.rules.load import check_rules, read_evidence, read_exclusions
from cds_service.rules.rule import Names, Rule
from cds_service.terminology import ValueSets, load_value_sets
from cds_service.workbench.editor_schema import schemas
from cds_service.workbench.trying import Trial, try_rules
from cds_service.yaml_source import Sheet

_PATH = click.Path(exists=True, path_type=Path)
_MARK = {"error": "bold red", "warning": "yellow"}


@click.group()
def rules() -> None:
    """Validate the rules and try their inline tests."""


@rules.command()
@click.argument("path", type=_PATH, required=False)
@click.option("--as-of", type=click.DateTime(formats=["%Y-%m-%d"]), help="Judge review dates on this day (today).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def validate(path: Path | None, as_of: datetime | None, as_json: bool) -> None:
    """Check every rule under PATH (the shipped ones): all problems at once, each with its line.

    Exit codes: 0 nothing wrong, 1 errors, 3 warnings alone.
    """
    day = as_of.date() if as_of else date.today()  # noqa: DTZ011  a review date is a day of the owner's calendar
    found, problems = check_content(path, day)
    errors = [problem for problem in problems if problem.severity == "error"]
    code = 1 if errors else 3 if problems else 0
    if as_json:
        click.echo(json.dumps({
            "rules": [{"id": r.id, "version": r.version, "status": r.status, "tests": len(r.tests)} for r in found],
            "problems": [{"file": p.file, "line": p.line, "column": p.column, "severity": p.severity, "code": p.code,
                          "message": p.message} for p in problems],
        }))  # fmt: skip
    else:
        _show_problems(problems)
        if found:
            _show_rules(found)
        _console().print(
            f"{len(found)} rules read, {len(errors)} errors, {len(problems) - len(errors)} warnings", style="bold"
        )
    sys.exit(code)


@rules.command()
@click.argument("id", required=False)
@click.option("--content", "folder", type=_PATH, help="A content folder other than the shipped one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def test(id: str | None, folder: Path | None, as_json: bool) -> None:
    """Try the inline tests of rule ID (of every rule): from report text to verdict.

    Exit codes: 0 all held, 1 one did not, or there was none to try.
    """
    try:
        content = load_content(folder)
    except ContentError as error:
        _show_problems(error.problems)
        sys.exit(1)
    found, problems = check_content(content.folder / "cards" / "rules", date.today())  # noqa: DTZ011  as above
    if id is not None and id not in {rule.id for rule in found}:
        _show_problems([problem for problem in problems if problem.severity == "error"])
        known = ", ".join(rule.id for rule in found)
        raise click.ClickException(f"there is no rule '{id}' that can be tried; there are {known}")
    trials = list(try_rules([rule for rule in found if id in (None, rule.id)], content))
    failed = [trial for trial in trials if trial.wrong]
    if as_json:
        each = [{"rule": t.rule, "name": t.test.name, "line": t.test.line, "wrong": list(t.wrong)} for t in trials]
        click.echo(json.dumps({"tried": len(trials), "failed": len(failed), "tests": each}))
    else:
        _show_trials(trials)
        style = "bold red" if failed or not trials else "bold green"
        _console().print(f"{len(trials)} tests tried, {len(failed)} failed", style=style)
    sys.exit(1 if failed or not trials else 0)


@rules.command()
@click.option("--check", is_flag=True, help="Only say whether the files are current.")
@click.option("--content", "folder", type=_PATH, help="A content folder other than the shipped one.")
def schema(check: bool, folder: Path | None) -> None:
    """Write the editors' JSON Schemas of the rule files to cards/schema.

    Exit codes: 0 written or current, 1 not current (with --check).
    """
    content = load_content(folder)
    stale = []
    for name, text in editor_schemas(content).items():
        path = content.folder / "cards" / "schema" / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    said = "not current" if check else "written"
    _console().print(f"{said}: {', '.join(stale)}" if stale else "every schema is current")
    sys.exit(1 if check and stale else 0)


def editor_schemas(content: Content) -> dict[str, str]:
    """File name -> text of the schemas that this content calls for."""
    cards, names = content.folder / "cards", names_of(content)
    exclusions, _ = read_exclusions(cards / "exclusions.yaml", names)
    evidence, _ = read_evidence(cards / "evidence.yaml")
    return schemas(names, tuple(line.id for line in exclusions), tuple(evidence))


def check_content(path: Path | None, as_of: date) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """The rules under a folder, or in one file, and everything wrong with them or with what they refer to."""
    given = path or content_folder() / "cards" / "rules"
    folder = _rules_folder(given)
    home = folder.parent.parent
    try:
        names = read_names(home if (home / "fhir_profiles").is_dir() else content_folder())
    except ContentError as error:
        return (), error.problems
    found, problems = check_rules(folder, names, as_of=as_of)
    if given.is_file():
        found = tuple(rule for rule in found if rule.file == str(given))
        problems = tuple(problem for problem in problems if problem.file == str(given))
    return found, problems


def read_names(folder: Path) -> Names:
    """What the rules of a content folder may refer to, whether or not its rules can be loaded."""
    cards = folder / "cards"
    sheet = Sheet(str(cards / "override-reasons.yaml"))
    reasons = read_override_reasons(Path(sheet.file), sheet)
    sets = load_value_sets(folder / "fhir_profiles" / "valuesets")
    lexicon, routing = load_lexicon(cards / "lexicon"), load_routing(cards / "routing.yaml")
    return _names(sets, lexicon, routing, reasons)


def names_of(content: Content) -> Names:
    """What the rules of this content may refer to."""
    return _names(content.value_sets, content.lexicon, content.routing, content.words.override_reasons)


def _names(sets: ValueSets, lexicon: Lexicon, routing: Routing, reasons: Iterable[str]) -> Names:
    groups = {name: sets.groups(name) for name in sets.names}
    return Names(groups, lexicon.concepts, routing.ids, frozenset(reasons))


def _rules_folder(path: Path) -> Path:
    """The folder `rules` that a path is, holds or stands in."""
    for folder in (path, path / "rules", path / "cards" / "rules", *path.parents):
        if folder.is_dir() and folder.name == "rules":
            return folder
    return path


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _show_problems(problems: tuple[Problem, ...] | list[Problem]) -> None:
    console = _console()
    for problem in problems:
        line = Text(f"{_short(problem.file)}:{problem.line}:{problem.column}: ", style="dim")
        line.append(f"{problem.severity}[{problem.code}]", style=_MARK.get(problem.severity, ""))
        line.append(f": {problem.message}", style="default")
        console.print(line)
        _show_line(console, problem)


def _show_line(console: Console, problem: Problem) -> None:
    """The line itself and a caret under the place, where the file can be read."""
    try:
        text = Path(problem.file).read_text(encoding="utf-8").splitlines()[problem.line - 1]
    except (OSError, IndexError, UnicodeDecodeError):
        return
    shown = text if len(text) <= 140 else text[:139] + "…"
    console.print(Text(f"  {problem.line:>4} | {shown}", style="default"))
    if problem.column <= len(shown):
        console.print(Text("       | " + " " * (problem.column - 1) + "^", style="cyan"))


def _show_rules(found: tuple[Rule, ...]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for name in ("rule", "version", "status", "concern", "tests", "clinical", "review by"):
        table.add_column(name, justify="right" if name == "tests" else "left")
    for rule in found:
        table.add_row(rule.id, rule.version, rule.status, rule.concern, str(len(rule.tests)),
                      str(rule.about["owner"]["clinical"]), str(rule.review_by))  # fmt: skip
    _console().print(table)


def _show_trials(trials: list[Trial]) -> None:
    console = _console()
    for rule in dict.fromkeys(trial.rule for trial in trials):
        mine = [trial for trial in trials if trial.rule == rule]
        failed = [trial for trial in mine if trial.wrong]
        mark = Text("✗ ", style="bold red") if failed else Text("✓ ", style="bold green")
        console.print(mark + Text(f"{rule}  ", style="bold") + Text(f"{len(mine) - len(failed)} of {len(mine)}", "dim"))
        for trial in failed:
            console.print(Text(f"    {_short(trial.file)}:{trial.test.line}: ", "dim") + Text(trial.test.name, "red"))
            for line in trial.wrong:
                console.print(Text(f"        {line}", "default"))


def _short(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
