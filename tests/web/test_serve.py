"""`second-read serve`: what it says, when it refuses, how it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.config import Settings
from cds_service.content import Content
from cds_service.server import Server, first_lines


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The process environment without settings of the developer's own, and with these."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SECOND_READ_", "PROMETHEUS_"))}
    ours = {"DATABASE_URL": f"sqlite:///{folder}/ledger.db", "LEDGER_KEY_FILE": str(folder / "key")} | settings
    return plain | {f"SECOND_READ_{name}": value for name, value in ours.items()}


def test_help_names_the_commands(runner: CliRunner) -> None:
    """`--help` lists serve, demo and rules, without importing what the latter two need."""
    before = set(sys.modules)
    said = runner.invoke(main, ["--help"]).output
    assert all(f"  {name} " in said for name in ("serve", "demo", "rules"))
    assert not {name for name in set(sys.modules) - before if name.startswith("cds_service.workbench")}


@pytest.mark.parametrize(
    ("settings", "args", "words"),
    [
        ({"AUTH": "jwt"}, (), "SECOND_READ_CLIENTS_FILE"),
        ({"AUTH": "off"}, ("--host", "0.0.0.0"), "loopback only"),
        ({"AUTH": "off", "AUHT": "off"}, (), "did you mean SECOND_READ_AUTH?"),
        ({"AUTH": "off"}, ("--config", "absent.toml"), "absent.toml"),
    ],
)
def test_refusals_name_the_setting(settings: dict[str, str], args: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """A service that must not start ends with one line that names the setting, before it listens."""
    environ = environment(tmp_path, **settings)
    answer = CliRunner(env={name: environ.get(name) for name in {*environ, *os.environ}}).invoke(main, ["serve", *args])
    assert answer.exit_code == 1
    assert words in answer.output
    assert "Traceback" not in answer.output


def test_broken_content_stops_the_start(tmp_path: Path) -> None:
    """With a content directory that holds no content, the service ends and says what is missing."""
    environ = environment(tmp_path, AUTH="off", CONTENT_DIR=str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-m", "cds_service", "serve", "--port", "0"],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "missing-folder" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_first_lines(content: Content) -> None:
    """The first lines say where it listens, which rules speak, who is let in and what may be read."""
    settings = Settings(auth="off", fhir_servers=("https://fhir.example.org/r4",), demo=True)
    said = list(first_lines(settings, ["http://127.0.0.1:8080"], content))
    assert said[0] == "second-read listens on http://127.0.0.1:8080"
    assert said[1].startswith("rules active: ")
    assert said[2].startswith("rules silent: ")
    assert "loopback only" in said[3]
    assert "https://fhir.example.org/r4" in said[4]
    assert said[5].endswith("http://127.0.0.1:8080/demo")


def test_options_unknown_to_this_gunicorn_are_left_out() -> None:
    """Options of later gunicorn versions do not stop an earlier one."""
    assert Server(lambda: None, {"workers": 3, "of_the_future": 1}).cfg.workers == 3  # type: ignore[arg-type,return-value]  # never called


def test_it_starts_says_so_and_ends_in_order(tmp_path: Path) -> None:
    """A real gunicorn on a free port says its first lines, keeps its ledger, and ends with 0 on SIGTERM."""
    environ = environment(tmp_path, AUTH="off", RULES_MODE="silent", WORKERS="2") | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "cds_service", "serve", "--port", "0"],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(5)]
        time.sleep(0.5)
        running.send_signal(signal.SIGTERM)
        _, complaints = running.communicate(timeout=30)
    assert lines[0].startswith("second-read listens on http://127.0.0.1:")
    assert lines[1] == "rules active: none\n"
    assert running.returncode == 0
    assert complaints == ""
    assert (tmp_path / "ledger.db").exists()
    assert not list(tmp_path.glob("second-read-metrics-*")), "the shared metrics are removed"


def test_the_service_process_stays_lean() -> None:
    """Libraries of the tests, the demo and the edges are not loaded by a worker: memory and start-up are bounded."""
    heavy = (
        "fhir.resources",
        "pydantic",
        "cattrs",
        "hypothesis",
        "pytest",
        "cds_service.demo",
        "cds_service.workbench",
    )
    code = f"import sys, cds_service.server, cds_service.app; print([m for m in {heavy!r} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout.strip() == "[]"
