"""What the verbs print: problems with their lines, tables that fit 80 columns, and one JSON object for machines."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds_service.config.readers import folders
from cds_service.content import Content, load_content
from cds_service.content.of_settings import layers_named
from cds_service.errors import ContentError, Problem

_VARIABLE = "SECOND_READ_CONTENT_DIR"
MARKS = {"error": "bold red", "warning": "yellow"}
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")


def _layers(_: click.Context, option: click.Parameter, given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The layers given, else those of the environment, else the shipped content alone; each is a folder."""
    layers = layers_named(given)
    if not given and (named := os.environ.get(_VARIABLE, "").strip()):
        layers = layers_named(folders(named))
    for layer in layers:
        if not layer.is_dir():
            where = "" if given else f" ({_VARIABLE})"
            raise click.BadParameter(f"there is no folder '{layer}'{where}", param=option)
    return layers


CONTENT = click.option(
    "--content", "layers", type=click.Path(path_type=Path), multiple=True, callback=_layers, metavar="FOLDER",
    help="A folder of content; again for each layer over it, `shipped` being the package's own."
    f" Without it, the layers of {_VARIABLE}, else what is shipped.",
)  # fmt: skip


def console() -> Console:
    """A console that never cuts or breaks a line of its own accord."""
    return Console(highlight=False, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """One line; square brackets in it are text, not markup."""
    console().print(Text(text, style=style))


def say_json(value: Any) -> None:
    """The one JSON object of a verb called with --json."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def load_or_leave(layers: Sequence[Path]) -> Content:
    """The content of these layers, the base first; or its problems shown and exit code 1."""
    try:
        return load_content(layers)
    except ContentError as error:
        show_problems(error.problems)
        sys.exit(1)


def leave(message: str, code: int = 1) -> NoReturn:
    """One line on standard error, and the exit code."""
    click.echo(message, err=True)
    sys.exit(code)


def code_of(problems: Iterable[Problem]) -> int:
    """0 nothing wrong, 1 errors, 3 warnings alone."""
    severities = {problem.severity for problem in problems}
    return 1 if "error" in severities else 3 if severities else 0


def problem_json(problem: Problem) -> dict[str, Any]:
    """One problem for machines."""
    return {"file": problem.file, "line": problem.line, "column": problem.column, "severity": problem.severity,
            "code": problem.code, "message": problem.message}  # fmt: skip


def show_problems(problems: Iterable[Problem]) -> None:
    """Each problem with the line it stands on and a caret under the place."""
    screen = console()
    for problem in problems:
        line = Text(f"{short(problem.file)}:{problem.line}:{problem.column}: ", style="dim")
        line.append(f"{problem.severity}[{problem.code}]", style=MARKS.get(problem.severity, ""))
        line.append(f": {problem.message}", style="default")
        screen.print(line)
        _show_line(screen, problem)


def _show_line(screen: Console, problem: Problem) -> None:
    """The line itself and a caret under the place, where the file can be read."""
    try:
        text = Path(problem.file).read_text(encoding="utf-8").splitlines()[problem.line - 1]
    except (OSError, IndexError, UnicodeDecodeError):
        return
    shown = text if len(text) <= 140 else text[:139] + "…"
    screen.print(Text(f"  {problem.line:>4} | {shown}", style="default"))
    if problem.column <= len(shown):
        screen.print(Text("       | " + " " * (problem.column - 1) + "^", style="cyan"))


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without lines; its cells fold rather than vanish."""
    made = Table(box=None, pad_edge=False, header_style="bold dim")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def wrapped(label: str, text: str, style: str = "") -> None:
    """A label in its own column and words that wrap beside it, at 80 columns where the screen is wider."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=9, style="dim")
    grid.add_column(overflow="fold")
    grid.add_row(label, Text(text, style=style))
    Console(highlight=False, width=min(Console().width, 100)).print(grid)


def short(file: str) -> str:
    """A path as seen from here."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
