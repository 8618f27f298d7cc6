"""Documentation is held against the code: headings, links and commands."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.rules.kinds import KINDS
from cds_service.workbench.rule_page import rule_page

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("cds_service/**/*.md"),
        *ROOT.glob("*/README.md"),
    )
    if "node_modules" not in page.parts
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE_ARGUMENT = {"wrong": 1, "problem": 1, "Problem": 3}


def error_codes() -> set[str]:
    """Every code that a content file can be refused with, read from the calls that refuse."""
    found: set[str] = set()
    for file in (ROOT / "cds_service").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in CODE_ARGUMENT and len(node.args) > CODE_ARGUMENT[name]:
                    code = node.args[CODE_ARGUMENT[name]]
                    if isinstance(code, ast.Constant) and re.fullmatch(r"[a-z0-9-]+", str(code.value)):
                        found.add(code.value)
    return found


@pytest.mark.parametrize("code", sorted(error_codes()))
def test_every_content_error_has_its_heading(code: str) -> None:
    """Whoever meets a code finds it explained."""
    assert f"\n### {code}\n" in (ROOT / "docs" / "content-errors.md").read_text(encoding="utf-8")


def test_the_rule_page_is_current() -> None:
    """docs/rule-file.md lists every field and every kind of criterion, as the loader has them."""
    page = (ROOT / "docs" / "rule-file.md").read_text(encoding="utf-8")
    assert page == rule_page()
    assert all(f"\n### {kind}\n" in page for kind in KINDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link or image of a page is a file of the project."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_make_target_that_the_readme_names_exists() -> None:
    """`make x` in the README is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z]+)", README))
    assert {"demo", "test"} <= named
    assert all(re.search(rf"^{name}:", makefile, re.M) for name in named)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^second-read ([a-z]+(?: [a-z]+)?)", README, re.M))))
def test_every_command_that_the_readme_names_exists(command: str, runner: CliRunner) -> None:
    """`second-read x y` in the README answers `--help`."""
    assert runner.invoke(main, [*command.split(), "--help"]).exit_code == 0


def test_the_readmes_rule_commands_run() -> None:
    """Validating and testing the shipped rules, as the README says, ends without an error."""
    for words in (["rules", "validate"], ["rules", "test"]):
        ended = subprocess.run(
            [sys.executable, "-m", "cds_service", *words], cwd=ROOT, capture_output=True, check=False
        )
        assert ended.returncode in (0, 3), ended.stdout.decode() + ended.stderr.decode()


def test_every_setting_that_the_readme_names_exists() -> None:
    """A variable in the README has its heading on the settings page."""
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in settings for name in set(re.findall(r"SECOND_READ_[A-Z_]+", README)))


@pytest.mark.parametrize("page", ["threat-model.md", "hazard-log.md"])
def test_every_test_that_a_security_page_names_exists(page: str) -> None:
    """Each row of the threat model and of the hazard log ends in a test that is there."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 10
    for row in rows:
        named = re.search(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?` \|$", row)
        assert named, row
        file = ROOT / named[1]
        assert file.exists(), named[1]
        if named[2]:
            assert f"def {named[2]}(" in file.read_text(encoding="utf-8"), named[2]


def test_the_lock_pins_what_the_service_needs() -> None:
    """Every dependency stands in requirements.lock, pinned by hash, and no address of a registry does."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(
        r"^([a-z0-9.-]+)==\S+(?: ;[^\\]*)?\s*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.M
    )
    assert len(pins) == len(re.findall(r"^\S+==", lock, re.M)) >= 30
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[\[<>=;]", each)[0].lower().replace(".", "-") for each in project["dependencies"]}
    assert needed <= {name.replace(".", "-") for name, _ in pins}
    assert "://" not in lock
