"""The command line: `second-read serve`, `demo` and `rules`.

The groups of other rooms are imported when they are called, so that `--help` and `serve` do not pay for them.
"""

import importlib
import os
from pathlib import Path
from typing import NoReturn

import click

from cds_service.errors import SecondReadError

_LAZY = {  # name -> (module, attribute, what --help says)
    "demo": ("cds_service.demo", "demo", "Sign real orders at the service and show each card or silence."),
    "codes": ("cds_service.workbench.codes", "codes", "Check the site's own order codes; see what a licence gives."),
    "capture": ("cds_service.connect.commands", "capture", "Keep masked calls for a few minutes."),
    "doctor": ("cds_service.connect.commands", "doctor", "Look at the configuration and at a recorded call."),
    "install-kit": ("cds_service.connect.commands", "install_kit", "Write what an EHR's analysts paste."),
    "docs": ("cds_service.workbench.publishing", "docs", "Write one page a rule, from the rule files."),
    "fhir": ("cds_service.workbench.publishing", "fhir", "Write the rules as FHIR resources."),
    "ledger": ("cds_service.workbench.ledger_commands", "ledger", "Verify, export or prune what was recorded."),
    "opt-out": ("cds_service.workbench.switch_verbs", "opt_out", "Spare a user, a place or a group cards for a time."),
    "orders": ("cds_service.workbench.orders_command", "orders", "See which surgical orders nothing recognised."),
    "lexicon": ("cds_service.workbench.reading_commands", "lexicon", "Check the lexicon: what report language means."),
    "read": ("cds_service.workbench.reading_commands", "read_command", "Show what is read in a report."),
    "rules": ("cds_service.workbench", "rules", "Validate and test the rules."),
}


class _Rooms(click.Group):
    """A group whose further commands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = _LAZY[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, _LAZY[name][2] if name in _LAZY else self.commands[name].get_short_help_str())
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="second-read")
def main() -> None:
    """Second Read: suggests a subspecialty second read before surgery or cancer treatment is signed."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of settings; SECOND_READ_* variables go before it.",
)
def serve(host: str, port: int, config: Path | None) -> None:
    """Run the CDS Hooks service."""
    from cds_service.config import load_settings

    try:
        settings = load_settings(os.environ, config)
        from cds_service import server

        server.serve(settings, host, port)
    except SecondReadError as error:
        _refuse(error)


def _refuse(error: SecondReadError) -> NoReturn:
    raise click.ClickException(f"second-read does not start: {error}")


if __name__ == "__main__":
    main()
