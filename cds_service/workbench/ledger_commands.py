"""`second-read ledger`: verify, export, prune and rotate-key, on a ledger that may be in use."""

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import orjson

from cds_service.config import Settings, read_settings
from cds_service.errors import SecondReadError, SettingsError
from cds_service.ledger import audit, export, ledger_keys, rotate_key_file
from cds_service.ledger.connecting import snapshot, transaction
from cds_service.ledger.rows import instant
from cds_service.ledger.store import UNAVAILABLE, Store

ABANDONED = timedelta(days=2)  # a writer that has written nothing for so long has ended without sealing
_config = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings, as for serve."
)
_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")


@click.group()
def ledger() -> None:
    """Verify, export or prune the record of decisions, cards and feedback."""


@ledger.command()
@_config
@_json
def verify(config: Path | None, as_json: bool) -> None:
    """Follow every hash chain from its beginning; exit 1 when anything was changed, removed or put in."""
    with _opened(config) as (store, settings), snapshot(store.engine) as connection:
        found = audit.verify(connection, ledger_keys(settings.ledger_key, settings.ledger_key_file))
    if as_json:
        shown = {name: getattr(found, name) for name in found.__slots__}
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    else:
        click.echo(f"{found.writers} writers, {found.rows} rows")
        click.echo(
            f"{found.sealed} segments sealed and whole, {found.pruned} pruned, {found.unsealed} batches not sealed yet"
        )
        click.echo(f"anchor {found.anchor}")
        for problem in found.problems:
            click.echo(f"PROBLEM  {problem}")
        click.echo("the ledger is not as it was written" if found.problems else "the ledger is as it was written")
    sys.exit(1 if found.problems else 0)


@ledger.command()
@_config
@click.option("--before", metavar="DAY", help="ISO day; without it, the day that the retention setting gives.")
def prune(config: Path | None, before: str | None) -> None:
    """Remove what is older than the retention, whole sealed segments at a time; checkpoints stay."""
    now = datetime.now(UTC)
    with _opened(config) as (store, settings):
        keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
        limit = _day(before) if before else instant(now - timedelta(days=settings.retention_days))
        with transaction(store.engine) as connection:
            sealed = audit.seal_abandoned(connection, keys, before=instant(now - ABANDONED), now=instant(now))
        with transaction(store.engine) as connection:
            segments, rows = audit.prune(connection, before=limit)
    click.echo(f"sealed {sealed} abandoned chains; removed {segments} segments with {rows} rows, before {limit[:10]}")


@ledger.command("export")
@_config
@click.option("--table", type=click.Choice(sorted(export.EXPORTED)), default="cards", show_default=True)
@click.option("--since", default="0001-01-01", metavar="DAY", help="First day, in ISO form.")
@click.option("--until", default="9999-12-31", metavar="DAY", help="Last day, in ISO form.")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
@click.option("--open", "opened", is_flag=True, help="Open the sealed columns: who signed, where, and users' words.")
def export_rows(config: Path | None, table: str, since: str, until: str, form: str, opened: bool) -> None:
    """Write the rows of one table to standard output, oldest first."""
    with _opened(config) as (store, settings), snapshot(store.engine) as connection:
        keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
        found = export.exported(connection, keys, table, since=_day(since)[:10], until=_day(until)[:10], opened=opened)
        if form == "csv":
            table_file = csv.DictWriter(sys.stdout, export.columns(table))
            table_file.writeheader()
            table_file.writerows(found)
        else:
            for row in found:
                click.echo(orjson.dumps(row))


@ledger.command("rotate-key")
@_config
def rotate_key(config: Path | None) -> None:
    """Put a new key first in the key file; restart the service for it to hash and seal from then on."""
    with _refusing():
        settings = read_settings(os.environ, config)
        if settings.ledger_key:
            raise SettingsError("the key stands in the setting `ledger_key`: put a new one before it there")
        fingerprint = rotate_key_file(settings.ledger_key_file)
    click.echo(f"new key {fingerprint[:8]}… stands first in {settings.ledger_key_file}; restart the service")


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Store, Settings]]:
    with _refusing():
        settings = read_settings(os.environ, config)
        store = Store(settings.database_url, ledger_keys(settings.ledger_key, settings.ledger_key_file))
        try:
            yield store, settings
        finally:
            store.close()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (SecondReadError, *UNAVAILABLE) as error:
        raise click.ClickException(str(error)) from error


def _day(text: str) -> str:
    try:
        return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))
    except ValueError:
        raise click.ClickException(f"{text}: a day such as 2026-11-03 is expected") from None
