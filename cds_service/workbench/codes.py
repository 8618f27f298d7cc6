"""`second-read codes`: check a site's own order codes, and see what is recognised with and without a licence."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cds_service.content import content_folder
from cds_service.errors import ContentError, Problem
from cds_service.terminology import ValueSets, load_value_sets

_PATH = click.Path(path_type=Path)
_CONTENT = click.option("--content", "folder", type=_PATH, help="A content folder other than the shipped one.")


@click.group()
def codes() -> None:
    """The code lists, and the site's own order codes."""


@codes.command()
@click.argument("folders", type=_PATH, nargs=-1, required=True)
@_CONTENT
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def validate(folders: tuple[Path, ...], folder: Path | None, as_json: bool) -> None:
    """Check the CSV files and ValueSets of each folder: every mistake with line, column and the nearest right word.

    Exit codes: 0 nothing wrong, 1 errors.
    """
    missing = [str(each) for each in folders if not each.is_dir()]
    if missing:
        raise click.ClickException(f"no such folder: {', '.join(missing)}")
    problems: tuple[Problem, ...] = ()
    found = None
    try:
        found = _own(load_value_sets(_sets(folder), folders))
    except ContentError as error:
        problems = error.problems
    if as_json:
        listed = [{"file": p.file, "line": p.line, "column": p.column, "code": p.code, "message": p.message}
                  for p in problems]  # fmt: skip
        click.echo(json.dumps({"codes": found, "problems": listed}))
    else:
        for problem in problems:
            click.echo(str(problem))
        if found is None:
            click.echo(f"{len(problems)} errors; the service would not start with these codes")
        else:
            for name, count in sorted(found.items()):
                click.echo(f"{name}: {count} codes of the site")
            click.echo(f"{sum(found.values())} codes read, 0 errors")
    sys.exit(1 if problems else 0)


@codes.command()
@_CONTENT
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def lost(folder: Path | None, as_json: bool) -> None:
    """What is not recognised by code where SECOND_READ_SNOMED is off: codes of each list, with and without."""
    whole, rest = load_value_sets(_sets(folder)), load_value_sets(_sets(folder), snomed=False)
    rows = {
        name: (len(whole.members(name)), len(rest.members(name)), _groups_without(whole, rest, name))
        for name in sorted(whole.names)
    }
    if as_json:
        click.echo(json.dumps({
            name: {"with": w, "without": wo, "groups_without_a_code": gone} for name, (w, wo, gone) in rows.items()
        }))  # fmt: skip
        return
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for head, side in (("value set", "left"), ("codes", "right"), ("without SNOMED CT", "right")):
        table.add_column(head, justify=side)  # type: ignore[arg-type]  # a literal of rich
    table.add_column("groups that then have no code at all")
    for name, (before, after, gone) in rows.items():
        table.add_row(name, str(before), str(after), ", ".join(gone), style="" if before == after else "yellow")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(
        "What has no code is still recognised by its words (cards/order-phrases.yaml) and by the site's own codes."
        " The second-read order itself carries a SNOMED CT code, unless the site gives its own order key."
    )


def _sets(folder: Path | None) -> Path:
    return (folder or content_folder()) / "fhir_profiles" / "valuesets"


def _own(sets: ValueSets) -> dict[str, int]:
    """How many codes of each list are the site's."""
    counts = {name: sum(m.matched_by == "local-map" for m in sets.members(name)) for name in sets.names}
    return {name: count for name, count in counts.items() if count}


def _groups_without(whole: ValueSets, rest: ValueSets, name: str) -> list[str]:
    had = {member.group for member in whole.members(name)} - {""}
    return sorted(had - {member.group for member in rest.members(name)})
