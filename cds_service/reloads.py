"""Which rule set a running service has, and whether a newer one was refused: one small file between its processes.

The process that loads writes it; the workers read it when a monitor asks, and the command line waits for it. It holds
names of content files and problem codes, and nothing of any patient.
"""

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class RuleSetState:
    """The set that serves now. `refused` counts the problems of a newer one that was not taken; `first` is one."""

    digest: str  # of all content
    rules: str  # of the rule set, as it is stamped on decisions
    loads: int = 1  # how often content was asked for since the start, this one included
    refused: int = 0
    first: str = ""


def state_path(pid_file: Path | None) -> Path | None:
    """Beside the pid file; without one, in the folder that the processes of one service share for their metrics."""
    if pid_file is not None:
        return pid_file.with_name(pid_file.name + ".rules")
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(shared) / "rules.json" if shared else None


def write_state(path: Path, state: RuleSetState) -> None:
    """Replace the file in one step: a reader sees the old state or the new one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(orjson.dumps(asdict(state)))
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def read_state(path: Path | None) -> RuleSetState | None:
    """The state, or None where there is no such file, or it is none."""
    try:
        return RuleSetState(**orjson.loads(path.read_bytes())) if path is not None else None
    except (OSError, ValueError, TypeError):
        return None
