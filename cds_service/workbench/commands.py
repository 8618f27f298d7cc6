"""`second-read rules …`: no network, the service's own deciding; 0 nothing wrong, 1 errors, 3 warnings alone."""

import sys
from datetime import date, datetime
from pathlib import Path

import click

from cds_service.workbench import terminal
from cds_service.workbench.catalogue_verbs import list_rules, show_rule
from cds_service.workbench.checking import check_content, check_layers
from cds_service.workbench.explain_verb import explain_case
from cds_service.workbench.flips_verb import show_flips
from cds_service.workbench.promote_verb import promote_rule
from cds_service.workbench.reload_verb import reload_rules
from cds_service.workbench.scaffold import new_rule
from cds_service.workbench.schema_verb import write_schemas
from cds_service.workbench.status_verb import show_status
from cds_service.workbench.switch_verbs import switch_off, switch_on
from cds_service.workbench.test_verb import try_tests
from cds_service.workbench.versions import compare_versions

_PATH = click.Path(exists=True, path_type=Path)


@click.group()
def rules() -> None:
    """Write, check, test, explain and promote rules."""


@rules.command()
@click.argument("path", type=_PATH, required=False)
@click.option("--as-of", type=click.DateTime(formats=["%Y-%m-%d"]), help="Judge review dates on this day (today).")
@click.option(
    "--against", metavar="FOLDER|GIT", help="Also judge what changed since: a content folder, or a git commit."
)
@terminal.CONTENT
@terminal.AS_JSON
def validate(
    path: Path | None, as_of: datetime | None, against: str | None, layers: tuple[Path, ...], as_json: bool
) -> None:
    """Check every rule under PATH, or of all layers of content: all problems at once, each with its line.

    With --against, a rule whose deciding or wording differs from that of a content folder or of a git commit (such as
    HEAD) must have a higher version, and may not jump from draft to active.

    Exit codes: 0 nothing wrong, 1 errors, 3 warnings alone.
    """
    day = as_of.date() if as_of else date.today()  # noqa: DTZ011  a review date is a day of the owner's calendar
    found, problems = check_content(path, day) if path else check_layers(layers, day)
    if against:
        try:
            problems = (*problems, *compare_versions(found, against))
        except LookupError as error:
            terminal.leave(str(error))
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        terminal.say_json({
            "rules": [{"id": r.id, "version": r.version, "status": r.status, "tests": len(r.tests)} for r in found],
            "problems": [terminal.problem_json(problem) for problem in problems],
        })  # fmt: skip
    else:
        terminal.show_problems(problems)
        terminal.say(f"{len(found)} rules read, {len(errors)} errors, {len(problems) - len(errors)} warnings", "bold")
    sys.exit(terminal.code_of(problems))


for verb in (
    try_tests,
    explain_case,
    new_rule,
    promote_rule,
    list_rules,
    show_rule,
    write_schemas,
    reload_rules,
    show_flips,
    show_status,
    switch_off,
    switch_on,
):
    rules.add_command(verb)
