"""What a hospital installs: the built wheel, in an empty environment, far from the repository."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from parts.charts import fusion_chart
from parts.processes import ROOT, Served, served, settings


def run(line: list[str | Path], folder: Path, seconds: float = 180, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with the environment of an installation."""
    env = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | settings(folder, **more)
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=seconds, check=False)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    out = tmp_path_factory.mktemp("dist")
    ran = run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], out)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`second-read` of that wheel, in an environment that holds nothing else."""
    folder = tmp_path_factory.mktemp("hospital")
    for line in (
        [sys.executable, "-m", "venv", folder / "venv"],
        [folder / "venv/bin/python", "-m", "pip", "install", "-q", "--no-compile", "--no-input", wheel],
    ):
        ran = run(line, folder)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "venv/bin/second-read"


@pytest.fixture(scope="module")
def serving(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`second-read serve` from the wheel."""
    with served(tmp_path_factory.mktemp("serving"), command=installed) as running:
        yield running


def test_content_is_inside(wheel: Path) -> None:
    """Rules, lexicon, value sets and schemas travel in the wheel; tests do not."""
    names = zipfile.ZipFile(wheel).namelist()
    content = "cds_service/content_files/"
    for folder in ("cards/rules/", "cards/lexicon/", "fhir_profiles/valuesets/"):
        assert any(name.startswith(content + folder) for name in names), folder
    assert any(name.startswith("cds_service/web/schemas/") for name in names)
    assert "cds_service/py.typed" in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_every_file_of_the_content_is_inside(wheel: Path) -> None:
    """Not one file under cards/ and fhir_profiles/ is left behind."""
    names = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "cards", "fhir_profiles"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    left = [name for name in listed if f"cds_service/content_files/{name}" not in names]
    assert left == []


def test_serve_answers_with_a_card(serving: Served) -> None:
    """Discovery and order-sign work from the wheel."""
    services = requests.get(f"{serving.url}/cds-services", timeout=5).json()["services"]
    assert [each["hook"] for each in services] == ["order-sign"]
    chart = fusion_chart()
    assert len(serving.cards(chart.request(chart.prefetch()))) == 1


def test_serve_says_where_it_listens_and_which_rules_are_active(serving: Served) -> None:
    """The first lines name the address and the rules."""
    first = "\n".join(serving.log.read_text().splitlines()[:30])
    assert serving.url in first
    assert "spine-fusion" in first


def test_rules_are_silent_unless_somebody_decided(installed: Path, tmp_path: Path) -> None:
    """A new installation evaluates every rule and shows no card."""
    chart = fusion_chart()
    with served(tmp_path, command=installed, RULES_MODE="silent") as running:
        assert running.cards(chart.request(chart.prefetch())) == []
        assert "silent" in running.log.read_text()


def test_demo_runs_once(installed: Path, tmp_path: Path) -> None:
    """`second-read demo --once` signs its orders and finds every card and every silence where it should be."""
    ran = run([installed, "demo", "--once"], tmp_path)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]


def test_rules_validate(installed: Path, tmp_path: Path) -> None:
    """`second-read rules validate` reads the rules of the wheel and finds no error (3: there are warnings)."""
    ran = run([installed, "rules", "validate"], tmp_path)
    assert ran.returncode in (0, 3), ran.stdout + ran.stderr
    assert " 0 errors" in ran.stdout
    assert int(ran.stdout.split(" rules read")[0].split()[-1]) > 20


def test_importing_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """What was tested above is the installed package, not the repository."""
    python = installed.with_name("python")
    ran = run([python, "-c", "import cds_service; print(cds_service.__file__)"], tmp_path)
    assert Path(ran.stdout.strip()).is_relative_to(installed.parents[1])
