"""docs/reading.md is held against the code: every gap, every key of the JSON, every command."""

import ast
import json
import re
from pathlib import Path

from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.model import Gap

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")


def gaps_of_reading() -> set[str]:
    """Every `why` that reading or the taking out of attachments can give, from the calls that make a gap."""
    found: set[str] = set()
    for file in [*(ROOT / "cds_service" / "reading").glob("*.py"), ROOT / "cds_service" / "gather" / "attachments.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Gap":
                whys = [word.value for word in node.keywords if word.arg == "why"] + node.args[1:2]
                for why in whys:
                    constants = [one.value for one in ast.walk(why) if isinstance(one, ast.Constant)]
                    found |= {one for one in constants if isinstance(one, str)}
    return found - {"unreadable"}  # of a read, not of a text


def test_every_gap_of_reading_is_explained_and_in_the_model() -> None:
    """The page has a row for each, and the model's list of names holds it."""
    gaps = gaps_of_reading()
    assert {"attachment-encrypted", "attachment-scanned", "text-too-long", "no-narrative"} <= gaps
    assert set(re.findall(r"^\| `([a-z-]+)` \| (?!`)", PAGE, re.M)) >= gaps
    names = set(re.split(r"[\s|.,:`()]+", Gap.__doc__ or ""))
    assert gaps <= names


def test_every_key_of_the_json_is_explained() -> None:
    """What `read --json --explain` prints is what the page documents."""
    done = CliRunner().invoke(main, ["read", "--json", "--explain"], input="FINDINGS: There is a 5 mm lung nodule.")
    (report,) = json.loads(done.stdout)["reports"]
    documented = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(report) <= documented
    assert {"kind", "heading", "start", "end"} == set(report["sections"][0])
    assert {"concept", "title", "assertion", "quote", "mention", "trigger", "phrase"} <= set(report["findings"][0])


def test_every_command_of_the_page_runs() -> None:
    """The commands and options that the page shows exist."""
    for command in set(re.findall(r"^second-read ([a-z]+(?: [a-z]+)?)", PAGE, re.M)):
        assert CliRunner().invoke(main, [*command.split(), "--help"]).exit_code == 0
    shown = CliRunner().invoke(main, ["read", "--help"]).output
    assert all(option in shown for option in ("--json", "--explain", "--spans", "--lexicon"))
