"""`second-read codes`, and what no file of this repository may hold."""

import json
import re
import subprocess
from pathlib import Path

from click.testing import CliRunner

from cds_service.__main__ import main

HEAD = "system,code,display,value_set,group,region\n"


def test_the_template_is_valid(runner: CliRunner, root: Path) -> None:
    """The shipped template passes, and its codes are counted by list."""
    ended = runner.invoke(main, ["codes", "validate", str(root / "fhir_profiles/local-template"), "--json"])
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.output)["codes"]["spine-surgery"] == 2


def test_mistakes_end_with_one(runner: CliRunner, tmp_path: Path) -> None:
    """Every mistake is told at once as file:line:column, and nothing is called read."""
    rows = "urn:x,1,One,spine-surgry,fusion,spine\nurn:x,2,Two,spine-surgery,fuson,spine\n"
    (tmp_path / "ours.csv").write_text(HEAD + rows)
    ended = runner.invoke(main, ["codes", "validate", str(tmp_path)])
    assert ended.exit_code == 1
    assert "ours.csv:2:13: error[unknown-value-set]" in ended.output
    assert "ours.csv:3:27: error[unknown-group]" in ended.output
    assert "2 errors" in ended.output
    assert runner.invoke(main, ["codes", "validate", str(tmp_path / "nowhere")]).exit_code == 1


def test_what_is_lost_without_snomed_is_told(runner: CliRunner) -> None:
    """Lists shrink, none disappears, and the groups that no code is left for are named."""
    told = json.loads(runner.invoke(main, ["codes", "lost", "--json"]).output)
    assert all(of["without"] <= of["with"] for of in told.values())
    assert told["radiotherapy"]["without"] == 0
    assert told["imaging-loinc-by-region"]["without"] == told["imaging-loinc-by-region"]["with"] > 1600
    assert "decompression" in told["spine-surgery"]["groups_without_a_code"]


def test_no_file_holds_cpt(root: Path) -> None:
    """CPT is licensed: no data file of the repository names its system, by URI or OID."""
    system = re.compile("ama-" + r"assn\.org|2\.16\.840\.1\.113883\.6\." + r"12\b")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout.decode()
    kinds = (".json", ".csv", ".yaml", ".yml", ".fsh", ".toml", ".tsv", ".xml")
    names = [name for name in listed.split("\0") if name.endswith(kinds)]
    assert len(names) > 100
    found = [name for name in names if (root / name).is_file() and system.search((root / name).read_text("utf-8"))]
    assert found == []


def test_every_code_of_the_source_tables_is_in_a_value_set(root: Path) -> None:
    """What stands in scripts/terminology_source is what was built: no row is lost on the way."""
    rows = sum(
        sum(1 for line in path.read_text("utf-8").splitlines()[1:] if line.strip())
        for path in (root / "scripts/terminology_source").glob("*.csv")
    )
    held = 0
    for path in (root / "fhir_profiles/valuesets").rglob("*.json"):
        for include in json.loads(path.read_text("utf-8"))["compose"]["include"]:
            held += len(include.get("concept", ()))
    assert held == rows == 4587
