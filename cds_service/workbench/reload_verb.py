"""`second-read rules reload`: tell a running service to take the content that stands in its files now."""

import os
import signal
import sys
import time
from pathlib import Path

import click

from cds_service.config import read_settings
from cds_service.content.of_settings import load_settings_content
from cds_service.errors import ContentError, SecondReadError
from cds_service.reloads import RuleSetState, read_state, state_path
from cds_service.workbench import terminal

PATIENCE_SECONDS = 60.0


@click.command(name="reload")
@click.option("--pid-file", type=click.Path(path_type=Path, dir_okay=False), help="As the service has it.")
@click.option("--config", type=click.Path(exists=True, path_type=Path, dir_okay=False), help="As `serve` has it.")
@terminal.AS_JSON
def reload_rules(pid_file: Path | None, config: Path | None, as_json: bool) -> None:
    """Make a running service load its rules again.

    The content is checked here first: with an error in it the service is left alone. The service loads it once more by
    itself, makes workers with it, and keeps the old content if it finds an error after all.

    Exit codes: 0 the new content serves, 1 it does not.
    """
    try:
        settings = read_settings(os.environ, config)
        content = load_settings_content(settings)
    except ContentError as error:
        if as_json:
            terminal.say_json({"taken": False, "problems": [terminal.problem_json(p) for p in error.problems]})
        else:
            terminal.show_problems(error.problems)
            terminal.say("the service was left alone; it keeps the rules it has", "bold red")
        sys.exit(1)
    except SecondReadError as error:
        terminal.leave(str(error))
    state = _asked(pid_file or settings.pid_file)
    if as_json:
        terminal.say_json(
            {"taken": not state.refused, "rules": state.rules, "refused": state.refused, "first": state.first}
        )
    elif state.refused:
        terminal.say(f"refused: {state.first}; the service keeps rules {state.rules}", "bold red")
    else:
        terminal.say(f"the service has rules {state.rules}", "bold green")
        if state.digest != content.digest:
            terminal.say("that is not the content seen from here: compare the settings of both", "yellow")
    sys.exit(1 if state.refused else 0)


def _asked(pid_file: Path | None) -> RuleSetState:
    """SIGHUP to the process of the pid file, and what it then says of its content."""
    if pid_file is None:
        terminal.leave("no pid file: set SECOND_READ_PID_FILE for the service and here, or give --pid-file")
    before = read_state(state_path(pid_file))
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGHUP)
    except (OSError, ValueError) as error:
        terminal.leave(f"no service runs by {pid_file}: {error}")
    loads, until = before.loads if before else 0, time.monotonic() + PATIENCE_SECONDS
    state = None
    while (state is None or state.loads <= loads) and time.monotonic() < until:
        time.sleep(0.1)
        state = read_state(state_path(pid_file))
    if state is not None and state.loads > loads:
        return state
    return terminal.leave(f"the service has not answered in {PATIENCE_SECONDS:.0f} seconds; see its log")
