"""`second-read rules`: exit codes, every problem shown, and the schemas kept current."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cds_service.content import Content
from cds_service.workbench.commands import rules
from cds_service.workbench.file_schemas import FILES
from cds_service.workbench.schema_verb import editor_schemas


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of one command."""
    result = CliRunner().invoke(rules, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def site(content: Content, tmp_path: Path) -> Path:
    """A content folder of a site's own, with one small rule."""
    for name in ("cards", "fhir_profiles"):
        shutil.copytree(content.folder / name, tmp_path / name)
    shutil.rmtree(tmp_path / "cards" / "rules")
    (tmp_path / "cards" / "rules").mkdir()
    shutil.copy(Path(__file__).parent / "small-fusion.yaml", tmp_path / "cards" / "rules")
    return tmp_path


def test_the_shipped_rules_validate() -> None:
    """Nothing is wrong with what ships, on the day of its review."""
    code, output = run("validate", "--as-of", "2026-11-28")
    assert code == 0, output
    assert "24 rules read, 0 errors, 0 warnings" in output


def test_validating_tells_errors_and_warnings_apart(cards: Path) -> None:
    """Exit 0 for nothing, 3 for warnings alone, 1 for errors, with file, line and the line itself."""
    path = cards / "rules" / "small-fusion.yaml"
    assert run("validate", str(path.parent), "--as-of", "2026-11-21")[0] == 0
    code, output = run("validate", str(path.parent), "--as-of", "2028-01-01")
    assert (code, "warning[review-overdue]" in output) == (3, True)
    path.write_text(path.read_text().replace("modality: [MR, CT]", "modality: [MRI, CT]"))
    code, output = run("validate", str(path), "--as-of", "2026-11-21")
    assert code == 1
    assert "error[bad-value]" in output
    assert "study: {modality: [MRI, CT], region: same-as-order}" in output


def test_validating_a_site_uses_its_own_content(site: Path) -> None:
    """A site's folder is judged by its own value sets and words, with all that its rules get wrong."""
    path = site / "cards" / "rules" / "small-fusion.yaml"
    assert run("validate", str(site), "--as-of", "2026-11-21")[0] == 0
    path.write_text(
        path.read_text().replace("rank: 10", "rank: ten").replace("because: deformity", "because: spine-study")
    )
    code, output = run("validate", str(site), "--as-of", "2026-11-21")
    assert (code, "error[type]" in output, "error[untested]" in output) == (1, True, True)
    (site / "cards" / "routing.yaml").write_text("nonsense: true")
    code, output = run("validate", str(site), "--as-of", "2026-11-21")
    assert (code, "routing.yaml" in output) == (1, True)


def test_validating_answers_machines(cards: Path) -> None:
    """--json gives rules and problems as one object."""
    code, output = run("validate", str(cards / "rules"), "--as-of", "2028-01-01", "--json")
    told = json.loads(output)
    assert code == 3
    assert told["rules"] == [{"id": "small-fusion", "version": "1.0.0", "status": "active", "tests": 6}]
    assert told["problems"][0]["code"] == "review-overdue"


def test_trying_a_rule_that_does_not_do_what_its_tests_say(site: Path) -> None:
    """A test that does not hold is told with its line, and the exit code is 1."""
    code, output = run("test", "--content", str(site), "--json")
    told = json.loads(output)
    wrong = [test["name"] for test in told["tests"] if test["wrong"]]
    assert (code, wrong) == (1, ["explained"])  # its report speaks of no stenosis
    path = site / "cards" / "rules" / "small-fusion.yaml"
    mended = "IMPRESSION: Instability at L4-L5. Mild canal stenosis at L4-5."
    path.write_text(path.read_text().replace("IMPRESSION: Instability.", mended))
    code, output = run("test", "small-fusion", "--content", str(site))
    assert code == 0, output
    assert "6 tests tried, 0 failed" in output


def test_trying_an_unknown_rule_says_which_there_are(site: Path) -> None:
    """No rule of that name is an error, not a success without tests."""
    code, output = run("test", "small-fusio", "--content", str(site))
    assert code == 1
    assert "small-fusion" in output


def test_a_card_that_the_test_does_not_name_fails_it(site: Path) -> None:
    """Another rule that speaks on the same case is an extra card."""
    path = site / "cards" / "rules" / "small-fusion.yaml"
    text = path.read_text()
    (path.parent / "second-fusion.yaml").write_text(text.replace("id: small-fusion", "id: second-fusion"))
    _, output = run("test", "small-fusion", "--content", str(site), "--json")
    assert any("'second-fusion' speaks too" in line for t in json.loads(output)["tests"] for line in t["wrong"])


def test_the_editor_schemas_are_current_and_fit(content: Content) -> None:
    """cards/schema is what the loader's fields make of today's content; if not, run `second-read rules schema`."""
    made = editor_schemas(content)
    for name, text in made.items():
        assert (content.folder / "cards" / "schema" / name).read_text(encoding="utf-8") == text
    validator = jsonschema.Draft7Validator(json.loads(made["rule.schema.json"]))
    plain = YAML(typ="safe", pure=True).load(Path(__file__).with_name("small-fusion.yaml"))
    assert not list(validator.iter_errors(json.loads(json.dumps(plain, default=str))))
    plain["criteria"][1]["study"]["modality"] = ["MRI"]
    assert list(validator.iter_errors(json.loads(json.dumps(plain, default=str))))


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_content_file_fits_its_editors_schema(content: Content, name: str) -> None:
    """What ships is valid by the schema that completes it, and the schema knows no field that nobody reads."""
    schema = json.loads((content.folder / "cards" / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    files = sorted((content.folder / "cards").glob(FILES[name]))
    assert files
    for path in files:
        plain = json.loads(json.dumps(YAML(typ="safe", pure=True).load(path), default=str))
        assert not [f"{path.name} {list(e.path)}: {e.message}" for e in validator.iter_errors(plain)]
        if isinstance(plain, dict) and schema.get("additionalProperties") is False:
            assert list(validator.iter_errors(plain | {"no-such-field": 1}))
