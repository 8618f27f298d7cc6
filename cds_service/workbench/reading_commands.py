"""`second-read read` and `second-read lexicon`: what is read in a report, and whether the lexicon is sound."""

import sys
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from cds_service.content import content_folder
from cds_service.errors import ContentError
from cds_service.reading import Lexicon, load_lexicon, read
from cds_service.reading.lexicon_lint import check_lexicon
from cds_service.workbench import terminal
from cds_service.workbench.documents import reports_in
from cds_service.workbench.reading_view import not_counted, report_json, screen, view
from cds_service.workbench.spans import BadLine, answered

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(name="read")
@click.argument("file", type=click.File("rb"), default="-")
@terminal.AS_JSON
@click.option(
    "--explain", is_flag=True, help="Name the phrase and the trigger of each finding, and what did not count."
)
@click.option("--spans", is_flag=True, help="FILE holds JSON lines with text, start, end (exclusive), section.")
@click.option("--lexicon", "folder", type=_FOLDER, help="A lexicon folder other than the shipped one.")
def read_command(file: BinaryIO, as_json: bool, explain: bool, spans: bool, folder: Path | None) -> None:
    """Show what is read in a report: text, HTML, RTF, PDF, CDA, HL7 v2, a DiagnosticReport or a Bundle.

    FILE is standard input where it is left out. Exit codes: 0 read whole, 1 nothing could be read (with --spans: a
    line was bad), 3 read in part: the gaps are named.
    """
    lexicon = _lexicon(folder)
    if spans:
        sys.exit(_spans(file, lexicon))
    whole = some = True
    every: list[dict[str, object]] = []
    shown = screen()
    for name, parts, gaps in reports_in(file.read(), _name_of(file)):
        reading = read(parts, lexicon)
        whole = whole and not gaps and not reading.gaps
        some = (bool(every) and some) or bool(reading.text)
        report = report_json(name, reading, gaps, lexicon)
        every.append(report | {"not_counted": not_counted(reading, lexicon)} if explain else report)
        if not as_json:
            shown.print(view(name, reading, gaps, lexicon, explain))
    if as_json:
        click.echo(orjson.dumps({"reports": every}, option=orjson.OPT_INDENT_2).decode())
    elif not every:
        terminal.leave("there is no DiagnosticReport in it")
    sys.exit(1 if not every or not some else 0 if whole else 3)


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", "<stdin>")
    return "(input)" if name in ("<stdin>", 0) else Path(str(name)).name


def _spans(file: BinaryIO, lexicon: Lexicon) -> int:
    bad = 0
    out = sys.stdout.buffer
    for row in answered(file, lexicon):
        if isinstance(row, BadLine):
            bad += 1
            click.echo(f"line {row.number}: {row.why}", err=True)
        else:
            out.write(orjson.dumps(row) + b"\n")
    out.flush()
    return 1 if bad else 0


def _lexicon(folder: Path | None) -> Lexicon:
    try:
        return load_lexicon(folder or content_folder() / "cards" / "lexicon")
    except ContentError as error:
        terminal.show_problems(error.problems)
        sys.exit(1)


@click.group()
def lexicon() -> None:
    """Check the lexicon: what report language means."""


@lexicon.command()
@click.argument("folder", type=_FOLDER, required=False)
@terminal.AS_JSON
def validate(folder: Path | None, as_json: bool) -> None:
    """Check every file of a lexicon FOLDER (the shipped one): all problems at once, each with its line.

    Exit codes: 0 nothing wrong, 1 errors, 3 warnings alone.
    """
    found, problems = check_lexicon(folder or content_folder() / "cards" / "lexicon")
    errors = sum(problem.severity == "error" for problem in problems)
    counts = {"concepts": len(found.concepts), "phrases": len(found.phrases), "triggers": len(found.triggers),
              "examples": len(found.examples)} if found else {}  # fmt: skip
    if as_json:
        terminal.say_json({**counts, "problems": [terminal.problem_json(problem) for problem in problems]})
    else:
        terminal.show_problems(problems)
        said = ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing could be loaded"
        terminal.say(f"{said}; {errors} errors, {len(problems) - errors} warnings", "bold")
    sys.exit(terminal.code_of(problems))
