"""A content folder of a site's own with one small rule, and the verbs run in it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.content import Content
from cds_service.workbench import rules

SMALL = Path(__file__).parents[1] / "rules" / "small-fusion.yaml"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def site(content: Content, tmp_path: Path) -> Path:
    """The shipped content with one small rule, whose tests hold, in place of the shipped rules."""
    for name in ("cards", "fhir_profiles"):
        shutil.copytree(content.folder / name, tmp_path / name)
    shutil.rmtree(tmp_path / "cards" / "rules")
    (tmp_path / "cards" / "rules" / "spine").mkdir(parents=True)
    (tmp_path / "cards" / "survivors.yaml").unlink(missing_ok=True)
    mended = "IMPRESSION: Instability at L4-L5. Mild canal stenosis at L4-5."
    text = SMALL.read_text(encoding="utf-8").replace("IMPRESSION: Instability.", mended)
    (tmp_path / "cards" / "rules" / "spine" / "small-fusion.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def rule_file(site: Path) -> Path:
    """The small rule's file."""
    return site / "cards" / "rules" / "spine" / "small-fusion.yaml"


@pytest.fixture
def run(site: Path) -> Run:
    """Runs a verb on that content: (exit code, output)."""

    def invoke(verb: str, *arguments: str) -> tuple[int, str]:
        result = CliRunner(env={"COLUMNS": "80"}).invoke(rules, [verb, *arguments, "--content", str(site)])
        return result.exit_code, result.output

    return invoke


@pytest.fixture
def told(run: Run) -> Callable[..., tuple[int, Any]]:
    """The same with --json, read."""

    def invoke(verb: str, *arguments: str) -> tuple[int, Any]:
        code, output = run(verb, *arguments, "--json")
        return code, json.loads(output)

    return invoke
