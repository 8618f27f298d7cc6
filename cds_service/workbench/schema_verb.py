"""`second-read rules schema`: the editors' JSON Schemas, made from the loader's fields and the content's own words."""

import sys
from pathlib import Path

import click

from cds_service.content import Content
from cds_service.rules.load import read_evidence, read_exclusions
from cds_service.workbench import terminal
from cds_service.workbench.checking import names_of
from cds_service.workbench.editor_schema import schemas


@click.command(name="schema")
@click.option("--check", is_flag=True, help="Only say whether the files are current.")
@terminal.CONTENT
@terminal.AS_JSON
def write_schemas(check: bool, layers: tuple[Path, ...], as_json: bool) -> None:
    """Write the editors' JSON Schemas of the content files to cards/schema.

    Exit codes: 0 written or current, 1 not current (with --check).
    """
    content = terminal.load_or_leave(layers)
    made = editor_schemas(content)
    stale = []
    for name, text in made.items():
        path = content.folder / "cards" / "schema" / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    said = "not current" if check else "written"
    if as_json:
        terminal.say_json({"schemas": sorted(made), said.replace(" ", "_"): stale})
    else:
        terminal.say(f"{said}: {', '.join(stale)}" if stale else "every schema is current")
    sys.exit(1 if check and stale else 0)


def editor_schemas(content: Content) -> dict[str, str]:
    """File name -> text of the schemas that this content calls for."""
    cards, names = content.folder / "cards", names_of(content)
    exclusions, _ = read_exclusions(cards / "exclusions.yaml", names)
    evidence, _ = read_evidence(cards / "evidence.yaml")
    return schemas(names, tuple(line.id for line in exclusions), tuple(evidence))
