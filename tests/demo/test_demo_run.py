"""The whole demo against the real service: every chart's orders signed over HTTP, and the command that shows it."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
import requests
from rich.console import Console

from cds_service.content import content_folder
from cds_service.demo.charts import load_charts
from cds_service.demo.run import Signed, sign, sign_all
from cds_service.demo.terminal import Screen

CHARTS = [chart.id for chart in load_charts(datetime.now(UTC))]


@pytest.fixture(scope="session")
def signed(session: requests.Session, base: str) -> dict[str, Signed]:
    """Every chart signed once."""
    return {each.chart["id"]: each for each in sign_all(session, base)}


@pytest.mark.parametrize("id", CHARTS)
def test_every_chart_gets_what_it_expects(signed: dict[str, Signed], id: str) -> None:
    """The expected card, and no other, or the expected silence with its named reason."""
    assert signed[id].problems == ()


def test_signing_again_within_the_session_gives_the_same_card(session: requests.Session, base: str) -> None:
    """A second signature minutes later gets the same card under the same topic, with a uuid of its own."""
    service = session.get(f"{base}/cds-services").json()["services"][0]["id"]
    url = f"{base}/demo/charts/lumbar-fusion-moderate"
    chart = session.get(url).json()
    first, again = (sign(session, base, service, chart, session.get(f"{url}/request").json()) for _ in range(2))
    assert first.problems == again.problems == ()
    assert first.cards[0]["source"]["topic"] == again.cards[0]["source"]["topic"]
    assert first.cards[0]["uuid"] != again.cards[0]["uuid"]


@pytest.mark.parametrize("width", [80, 132])
def test_the_view_keeps_to_the_terminal(signed: dict[str, Signed], width: int) -> None:
    """No line is wider than the terminal, and every order, button and reason is on it."""
    console = Console(width=width, file=StringIO())
    screen = Screen(console)
    screen.begin("http://127.0.0.1:1")
    for each in signed.values():
        screen.show(each)
    assert screen.end(list(signed.values()))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.replace("│", " ").split())
    for each in signed.values():
        assert each.chart["patient"]["name"] in words
        for card in each.cards:
            assert all(suggestion["label"] in words for suggestion in card.get("suggestions", []))


def test_once_ends_well_when_everything_happens(tmp_path: Path) -> None:
    """`second-read demo --once` exits 0 when every chart got what it expects."""
    run = demo_once(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Every expected card came" in run.stdout


def test_once_fails_and_says_what_differs(tmp_path: Path) -> None:
    """With one rule made silent, `--once` exits 1 and names the charts and the difference."""
    content = tmp_path / "content"
    shutil.copytree(content_folder() / "cards", content / "cards")
    (content / "fhir_profiles").symlink_to(content_folder() / "fhir_profiles")
    rule = content / "cards" / "rules" / "spine" / "spine-fusion.yaml"
    rule.write_text(rule.read_text().replace("status: active", "status: silent", 1))
    run = demo_once(tmp_path, SECOND_READ_CONTENT_DIR=str(content))
    assert run.returncode == 1
    assert "lumbar-fusion-moderate: expected one card, got 0" in " ".join(run.stdout.split())


def test_a_service_that_cannot_start_is_reported(tmp_path: Path) -> None:
    """When the service does not start, the demo says why and exits with an error."""
    run = demo_once(tmp_path, SECOND_READ_CONTENT_DIR=str(tmp_path / "nowhere"))
    assert run.returncode == 1
    assert "did not start" in run.stderr
    assert "missing-folder" in run.stderr


def test_the_service_never_loads_the_models_of_the_tests() -> None:
    """Neither the service nor the demo imports fhir.resources: validating models are too slow for a call."""
    check = "import sys, cds_service.app, cds_service.demo.run; assert not [m for m in sys.modules if m[:5] == 'fhir.']"
    subprocess.run([sys.executable, "-c", check], check=True)


def demo_once(folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a person would, in an empty folder."""
    command = [sys.executable, "-m", "cds_service", "demo", "--once"]
    environ = {**os.environ, **settings, "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
