"""`second-read fhir export` and `second-read docs`: what is published of the rules, written to files or compared."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cds_service.content import Content, load_content
from cds_service.errors import ContentError
from cds_service.layers import topmost
from cds_service.published import activity_definitions, plan_definition
from cds_service.published.pages import index_markdown, rule_markdown

_FOLDER = click.Path(path_type=Path, file_okay=False)
_CHECK = click.option("--check", is_flag=True, help="Write nothing; say what is not current.")
_CONTENT = click.option(
    "--content", "layers", type=click.Path(exists=True, path_type=Path), multiple=True,
    help="A content folder other than the shipped one; again for each layer, the base first.",
)  # fmt: skip


@click.group()
def fhir() -> None:
    """The rules as FHIR."""


@fhir.command()
@click.argument("out", type=_FOLDER, required=False)
@_CONTENT
@_CHECK
def export(out: Path | None, layers: tuple[Path, ...], check: bool) -> None:
    """Write each rule as a PlanDefinition, and what cards order as ActivityDefinitions, to OUT.

    OUT is by default fhir_profiles/plandefinitions of the content. Exit codes: 0 written or current, 1 not current.
    """
    content = _load(layers)
    made = {f"{resource['id']}.json": _text(resource) for resource in definitions(content)}
    _write(out or content.folder / "fhir_profiles" / "plandefinitions", made, "*.json", check)


@click.command()
@click.argument("out", type=_FOLDER, required=False)
@_CONTENT
@_CHECK
def docs(out: Path | None, layers: tuple[Path, ...], check: bool) -> None:
    """Write one page a rule, their index and the intended use to OUT, by default docs.

    Exit codes: 0 written or current, 1 not current.
    """
    content, out = _load(layers), out or Path("docs")
    pages = {f"{rule.id}.md": rule_markdown(rule, content, ".md") for rule in content.rules.rules}
    pages["README.md"] = index_markdown(content, ".md")
    use = topmost([layer / "cards" for layer in content.layers], "intended-use.md").read_text(encoding="utf-8")
    current = _put(out / "rules", pages, "*.md", check)
    current &= _put(out, {"intended-use.md": use}, "intended-use.md", check)
    sys.exit(0 if current or not check else 1)


def definitions(content: Content) -> list[dict[str, Any]]:
    """Every PlanDefinition and ActivityDefinition of this content."""
    plans = [plan_definition(rule, content.evidence, content.site.label) for rule in content.rules.rules]
    return [*plans, *activity_definitions(content)]


def _load(layers: tuple[Path, ...]) -> Content:
    try:
        return load_content(layers or None)
    except ContentError as error:
        raise click.ClickException(str(error)) from None


def _text(resource: Mapping[str, Any]) -> str:
    return json.dumps(resource, ensure_ascii=False, indent=1) + "\n"


def _write(folder: Path, made: Mapping[str, str], pattern: str, check: bool) -> None:
    sys.exit(0 if _put(folder, made, pattern, check) or not check else 1)


def _put(folder: Path, made: Mapping[str, str], pattern: str, check: bool) -> bool:
    """Make the files of the folder those in `made`, or only compare; whether they were so already."""
    present = {path.name: path for path in folder.glob(pattern)}
    stale = [n for n, text in made.items() if n not in present or present[n].read_text(encoding="utf-8") != text]
    extra = sorted(set(present) - set(made))
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (folder / name).write_text(made[name], encoding="utf-8")
        for name in extra:
            present[name].unlink()
    for name in [*stale, *extra]:
        click.echo(f"{'not current' if check else 'written' if name in made else 'removed'}: {folder / name}")
    if not stale and not extra:
        click.echo(f"{folder}: {len(made)} files are current")
    return not stale and not extra
