"""`second-read orders unmatched`: surgical orders that no value set recognised, by code, the most frequent first."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from cds_service.config import load_settings
from cds_service.errors import SecondReadError
from cds_service.unmatched import UnmatchedOrders


@click.group()
def orders() -> None:
    """The orders that the service has seen."""


@orders.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings.")
@click.option("--top", default=50, show_default=True, type=click.IntRange(1), help="How many to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def unmatched(config: Path | None, top: int, as_json: bool) -> None:
    """List surgical orders that matched no value set: what the site misses, without a word of a patient."""
    try:
        counts = UnmatchedOrders(load_settings(os.environ, config).database_url, lambda: datetime.now(UTC))
        found = counts.listed()
        counts.close()
    except SecondReadError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        raise click.ClickException(f"the counts cannot be read: {type(error).__name__}") from None
    total = sum(one.count for one in found)
    if as_json:
        rows = [{"system": o.system, "code": o.code, "count": o.count, "first_day": o.first_day, "last_day": o.last_day}
                for o in found[:top]]  # fmt: skip
        click.echo(json.dumps({"orders": total, "codes": len(found), "unmatched": rows}))
        return
    console = Console(highlight=False, soft_wrap=True)
    if not found:
        console.print("No surgical order was left unrecognised so far.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for head in ("orders", "code system", "code", "first", "last"):
        table.add_column(head, justify="right" if head == "orders" else "left", overflow="fold")
    for one in found[:top]:
        table.add_row(str(one.count), one.system, one.code, one.first_day, one.last_day)
    console.print(table)
    console.print(
        f"{total} surgical orders under {len(found)} codes matched no value set. What belongs to a rule goes into"
        " a file of SECOND_READ_LOCAL_CODES_DIR (template: fhir_profiles/local-template)."
    )
