"""The ledger that the settings name, opened by a command beside the service that uses it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import click

from cds_service.config import Settings, read_settings
from cds_service.errors import SecondReadError
from cds_service.ledger import ledger_keys
from cds_service.ledger.connecting import snapshot
from cds_service.ledger.keys import Keyring
from cds_service.ledger.operations import state_of
from cds_service.ledger.rows import Row, instant
from cds_service.ledger.store import OPERATIONS, UNAVAILABLE, Store
from cds_service.model import State

CONFIG = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings, as for serve."
)
DAY = click.DateTime(formats=["%Y-%m-%d"])


@contextmanager
def opened(config: Path | None) -> Iterator[tuple[Store, Settings, Keyring]]:
    """Store, settings and keys; whatever is wrong with them is one line and exit code 1."""
    try:
        settings = read_settings(os.environ, config)
        keys = ledger_keys(settings.ledger_key, settings.ledger_key_file)
        store = Store(settings.database_url, keys)
        try:
            yield store, settings, keys
        finally:
            store.close()
    except (SecondReadError, *UNAVAILABLE) as error:
        raise click.ClickException(str(error)) from error


def add_operation(store: Store, row: Row) -> None:
    """Write one row of operational state, durably, in a chain of its own that is sealed at once."""
    with store.writing("durable", row["at"]) as insert:
        insert("operations", [row])
    store.seal_if_due(instant(datetime.now(UTC)), always=True)


def state_now(store: Store, keys: Keyring) -> State:
    """What holds now, by the rows."""
    with snapshot(store.engine) as connection:
        return state_of([dict(row) for row in connection.execute(OPERATIONS).mappings()], keys)


def end_of(day: datetime | date | None) -> datetime | None:
    """The end of that day, in the time zone of this machine, as an instant in UTC."""
    if day is None:
        return None
    last = datetime.combine(day, time()) + timedelta(days=1)
    return last.astimezone(UTC)
