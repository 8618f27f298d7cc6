"""`second-read codes`: check a site's own order codes, and see what is recognised with and without a licence."""

import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cds_service.config import read_settings
from cds_service.content import content_folder
from cds_service.content.of_settings import content_layers
from cds_service.errors import ContentError, Problem, SecondReadError
from cds_service.expansion import Refreshed, keep_fresh, server_of_settings
from cds_service.terminology import ValueSets, load_value_sets
from cds_service.terminology.descendants import Descendants, Key
from cds_service.terminology.index import SNOMED

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
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="As `serve` has it.")
@click.option(
    "--seconds", default=300, show_default=True, type=click.IntRange(1, 3600), help="How long to ask at most."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def expand(config: Path | None, seconds: int, as_json: bool) -> None:
    """Ask the terminology server for all codes below those that are marked `subsumes`, and keep the answers.

    The service uses them from its next start on, and asks by itself only for what is missing or older than 30 days.
    Where the server gives no good answer, the one kept before stays.

    Exit codes: 0 every code was answered, 1 nothing could be asked, 3 some codes, or all, were not answered.
    """
    asked: list[Refreshed] = []
    try:
        settings = read_settings(os.environ, config)
        server = server_of_settings(settings)
        if server is None:
            raise click.ClickException("no server: set SECOND_READ_TERMINOLOGY_SERVER to its FHIR base URL")

        def ask(keys: frozenset[Key]) -> Descendants:
            asked.append(keep_fresh(keys, server, settings.terminology_cache, seconds=seconds, always=True))
            return asked[0].descendants

        layers = content_layers(settings)
        sets = load_value_sets(
            [layer / "fhir_profiles" / "valuesets" for layer in layers],
            settings.local_codes_dir or None,
            cards=[layer / "cards" for layer in layers],
            snomed=settings.snomed,
            what_is_below=ask,
        )
    except SecondReadError as error:
        raise click.ClickException(str(error)) from None
    if not asked:
        raise click.ClickException("no value set marks a code with `subsumes`: there is nothing to ask")
    (found,) = asked
    if as_json:
        click.echo(json.dumps(_expanded(sets, found)))
    else:
        _show_expanded(sets, found)
        for warning in found.warnings:
            click.echo(f"warning: {warning}", err=True)
        click.echo(
            f"{len(found.answered)} of {found.asked} marked codes answered by {server.base}; {found.descendants.count}"
            f" codes below them are kept in {settings.terminology_cache}"
        )
    sys.exit(3 if found.warnings else 0)


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


def _added(sets: ValueSets) -> dict[str, int]:
    """How many codes each list has by a listed code above them."""
    counts = {name: sum(bool(m.ancestor) for m in sets.members(name)) for name in sorted(sets.names)}
    return {name: count for name, count in counts.items() if count}


def _expanded(sets: ValueSets, found: Refreshed) -> dict[str, object]:
    of = [
        {"system": system, "code": code, "below": len(below.codes), "asked": below.asked.isoformat(),
         "version": below.version, "now": (system, code) in found.answered}
        for (system, code), below in found.descendants.of.items()
    ]  # fmt: skip
    return {"server": found.descendants.server, "asked": found.asked, "answered": of, "added": _added(sets),
            "digest": found.descendants.digest, "warnings": list(found.warnings)}  # fmt: skip


def _show_expanded(sets: ValueSets, found: Refreshed) -> None:
    if not found.descendants.of:
        return
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for head, side in (("marked code", "left"), ("codes below", "right"), ("asked", "left"), ("edition", "left")):
        table.add_column(head, justify=side, overflow="fold")  # type: ignore[arg-type]  # a literal of rich
    for (system, code), below in found.descendants.of.items():
        shown = code if system == SNOMED else f"{system} {code}"
        table.add_row(shown, str(len(below.codes)), below.asked.isoformat(), below.version)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for name, count in _added(sets).items():
        console.print(f"{name}: {count} codes more than are listed")


def _sets(folder: Path | None) -> Path:
    return (folder or content_folder()) / "fhir_profiles" / "valuesets"


def _own(sets: ValueSets) -> dict[str, int]:
    """How many codes of each list are the site's."""
    counts = {name: sum(m.matched_by == "local-map" for m in sets.members(name)) for name in sets.names}
    return {name: count for name, count in counts.items() if count}


def _groups_without(whole: ValueSets, rest: ValueSets, name: str) -> list[str]:
    had = {member.group for member in whole.members(name)} - {""}
    return sorted(had - {member.group for member in rest.members(name)})
