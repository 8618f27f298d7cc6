"""`second-read install-kit`, `doctor` and `capture`."""

import os
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cds_service.capturing import Window, close_window, open_window, opened
from cds_service.config import Settings, read_settings
from cds_service.connect.doctor import Found, Replay, configuration, recorded, replay
from cds_service.connect.kit import Place, kit_files
from cds_service.content import load_content
from cds_service.errors import BadRequest, ContentError, SecondReadError
from cds_service.yaml_source import nearest

MARKS = {"fine": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "bold red")}
CONFIG = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings, as for serve."
)


@click.command("install-kit")
@click.option("--client", required=True, help="A profile of cards/clients: epic, oracle, athena, reference.")
@click.option("--base-url", required=True, help="Where the EHR reaches the service, such as https://cds.example/sr.")
@click.option("--issuer", default="", help="The `iss` of its tokens; its FHIR base where it says nothing else.")
@click.option("--fhir-server", default="https://ehr.example/fhir", help="Its FHIR base.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Folder; install-kit-CLIENT.")
@click.option("--site-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The site's facts.")
def install_kit(
    client: str, base_url: str, issuer: str, fhir_server: str, output: Path | None, site_file: Path | None
) -> None:
    """Write what the EHR's analysts paste: prefetch, scopes, claims, override reasons, order keys, links, a test."""
    try:
        content = load_content(site_file=site_file)
    except ContentError as error:
        raise click.ClickException(str(error)) from error
    known = sorted(content.words.clients)
    if client not in known:
        raise click.ClickException(f"there is no client profile '{client}'{nearest(client, known)}; {', '.join(known)}")
    place = Place(base_url.rstrip("/"), client, issuer or fhir_server, fhir_server.rstrip("/"))
    folder = output or Path(f"install-kit-{client}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in kit_files(place, content).items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"{folder / name}")
    (folder / "try.sh").chmod(0o755)
    click.echo("Start with README.md.")


@click.command()
@CONFIG
@click.option("--client", help="As which client profile the card is shown; default: as captured, or reference.")
@click.option("--as-of", help="The moment of the call, such as 2026-11-28T09:00:00Z; default: as captured, or now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@click.argument("request_file", required=False, type=click.Path(path_type=Path, allow_dash=True))
def doctor(
    config: Path | None, client: str | None, as_of: str | None, as_json: bool, request_file: Path | None
) -> None:
    """Look at the configuration, and at REQUEST_FILE (- for standard input): a recorded order-sign call.

    Nothing is read from a network and nothing is recorded. Exit 1 when there is a problem.
    """
    now = datetime.now(UTC)
    try:
        settings = read_settings(os.environ, config)
    except SecondReadError as error:
        raise click.ClickException(str(error)) from error
    found, content = configuration(settings, now)
    replayed = None
    if request_file is not None and content is not None:
        replayed = _replayed(request_file, settings, client, as_of, now)
    problems = [each for each in (*found, *(replayed.found if replayed else ())) if each.level == "problem"]
    if as_json:
        told = {
            "configuration": [asdict(each) for each in found],
            "call": [asdict(each) for each in replayed.found] if replayed else None,
            "cards": list(replayed.cards) if replayed else None,
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _show("Configuration", found)
        if replayed:
            _show("The call", list(replayed.found))
            _show_cards(replayed)
    sys.exit(1 if problems else 0)


def _replayed(file: Path, settings: Settings, client: str | None, as_of: str | None, now: datetime) -> Replay:
    """Rules speak as their files say, whatever the mode: what the surgeon would see is the question."""
    from cds_service.content.of_settings import load_settings_content

    content = load_settings_content(replace(settings, rules_mode="as-files"))
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        call = recorded(raw, now)
        if as_of:
            moment = datetime.fromisoformat(as_of)
            call = replace(call, as_of=moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (BadRequest, ValueError, KeyError) as error:
        raise click.ClickException(f"{file}: no recorded call: {error or 'it is not JSON'}") from error
    return replay(call, content, client or call.client)


def _show(title: str, found: list[Found]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=26)
    table.add_column(overflow="fold")
    for each in found:
        mark, style = MARKS[each.level]
        words = Text(each.says)
        if each.do:
            words.append(f"\n→ {each.do}", style="dim")
        table.add_row(Text(mark, style=style), Text(each.about), words)
    console.print(table)
    console.print()


def _show_cards(replayed: Replay) -> None:
    console = Console(highlight=False)
    if not replayed.cards:
        console.print(Text("The surgeon sees nothing.", style="bold"))
    for card in replayed.cards:
        lines = Text(card["summary"] + "\n", style="bold")
        console.print(Panel(lines, title=f"What the surgeon sees ({card['indicator']})", title_align="left"))
        console.print(Markdown(card.get("detail", "")))
        for suggestion in card.get("suggestions", ()):
            console.print(Text(f"[ {suggestion['label']} ]", style="reverse"))
        for reason in card.get("overrideReasons", ()):
            console.print(Text(f"  · {reason.get('display', reason['code'])}"))


@click.group()
def capture() -> None:
    """Keep masked calls for a few minutes, to find out what goes wrong."""


@capture.command("open")
@CONFIG
@click.option("--minutes", type=click.IntRange(1, 240), required=True, help="How long.")
@click.option("--by", required=True, help="Who opens it.")
@click.option("--reason", required=True, help="Why; it is logged.")
@click.option("--most", type=click.IntRange(1, 200), default=20, show_default=True, help="How many calls at most.")
@click.option("--with-report-text", is_flag=True, help="Keep report text, with the patient's names struck out: PHI.")
def open_capture(config: Path | None, minutes: int, by: str, reason: str, most: int, with_report_text: bool) -> None:
    """Start keeping calls."""
    folder, now = _folder(config), datetime.now(UTC)
    window = Window(now + timedelta(minutes=minutes), most, by, reason, with_report_text)
    open_window(folder, window, now)
    click.echo(f"open until {window.until:%Y-%m-%d %H:%M} UTC, for at most {most} calls, in {folder}")
    if with_report_text:
        click.echo("Report text is kept: treat the files as patient data.")


@capture.command("close")
@CONFIG
def close_capture(config: Path | None) -> None:
    """Stop keeping calls."""
    click.echo("closed" if close_window(_folder(config), datetime.now(UTC)) else "no window was open")


@capture.command("list")
@CONFIG
def list_captures(config: Path | None) -> None:
    """The window, and the calls that were kept."""
    folder, now = _folder(config), datetime.now(UTC)
    window = opened(folder, now)
    click.echo(f"open until {window.until:%Y-%m-%d %H:%M} UTC, by {window.by}" if window else "no window is open")
    for path in sorted(folder.glob("call-*.json")):
        click.echo(str(path))


def _folder(config: Path | None) -> Path:
    try:
        settings = read_settings(os.environ, config)
    except SecondReadError as error:
        raise click.ClickException(str(error)) from error
    if settings.capture_dir is None:
        raise click.ClickException("SECOND_READ_CAPTURE_DIR names no folder: calls cannot be captured here")
    return settings.capture_dir
