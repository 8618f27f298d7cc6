"""`second-read orders unmatched`: surgical orders that no value set recognised, by code, the most frequent first."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from cds_service.config import read_settings
from cds_service.errors import SecondReadError
from cds_service.unmatched import Unmatched, UnmatchedOrders


@click.group()
def orders() -> None:
    """The orders that the service has seen."""


@orders.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings.")
@click.option("--top", default=50, show_default=True, type=click.IntRange(1), help="How many to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def unmatched(config: Path | None, top: int, as_json: bool) -> None:
    """List surgical orders that matched no value set: what the site misses, without a word of a patient.

    A second list has the coded orders that matched none and tell nothing of their kind: no category, and a code of a
    system of the site's own. Most are no surgery; the frequent ones are worth a look where surgery comes without a
    category.
    """
    try:
        url = read_settings(os.environ, config).database_url
        surgery, unclassified = _listed(url, "surgery"), _listed(url, "unclassified")
    except SecondReadError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        raise click.ClickException(f"the counts cannot be read: {type(error).__name__}") from None
    total, others = (sum(one.count for one in found) for found in (surgery, unclassified))
    if as_json:
        told = {
            "orders": total, "codes": len(surgery), "unmatched": [asdict(one) for one in surgery[:top]],
            "unclassified": {"orders": others, "codes": len(unclassified),
                             "unmatched": [asdict(one) for one in unclassified[:top]]},
        }  # fmt: skip
        click.echo(json.dumps(told))
        return
    console = Console(highlight=False, soft_wrap=True)
    if surgery:
        console.print(_shown(surgery[:top]))
        console.print(
            f"{total} surgical orders under {len(surgery)} codes matched no value set. What belongs to a rule goes into"
            " a file of SECOND_READ_LOCAL_CODES_DIR (template: fhir_profiles/local-template)."
        )
    else:
        console.print("No surgical order was left unrecognised so far.")
    if unclassified:
        console.print()
        console.print(_shown(unclassified[:top]))
        console.print(
            f"{others} orders under {len(unclassified)} codes matched no value set and tell nothing of their kind:"
            " neither a category nor a code system that says it. Is there surgery among them?"
        )


def _listed(url: str, which: Literal["surgery", "unclassified"]) -> list[Unmatched]:
    counts = UnmatchedOrders(url, lambda: datetime.now(UTC), which)
    try:
        return counts.listed()
    finally:
        counts.close()


def _shown(found: list[Unmatched]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for head in ("orders", "code system", "code", "first", "last"):
        table.add_column(head, justify="right" if head == "orders" else "left", overflow="fold")
    for one in found:
        table.add_row(str(one.count), one.system, one.code, one.first_day, one.last_day)
    return table
