"""The page of each rule: complete, current in the repository, and safe to open."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from cds_service.__main__ import main
from cds_service.content import Content, content_folder
from cds_service.published.attributes import LABELS, source_attributes
from cds_service.published.html import rule_page
from cds_service.published.pages import inline_tests, rule_markdown

ROOT = Path(__file__).parents[2]
RULES = sorted(path.stem for path in (content_folder() / "cards" / "rules").rglob("*.yaml"))


class Addresses(HTMLParser):
    """Collects what a page would make a browser ask for, and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the addresses of one tag."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "srcset"):
                (self.linked if tag == "a" else self.loaded).append(value or "")


@pytest.mark.parametrize("id", RULES)
def test_a_page_says_all_that_the_rule_says(content: Content, id: str) -> None:
    """Each sentence of a criterion or exclusion, study, number, false positive, attribute and test is on it."""
    rule = content.rules.rule(id)
    assert rule is not None
    page = rule_markdown(rule, content).replace("\\", "")
    lines = (*rule.criteria, *rule.early, *rule.late, *(rule.warns_when if rule.irreversible else ()))
    wanted = [line.says for line in lines]
    wanted += [str(words) for words in rule.about["known_false_positives"]]
    wanted += [content.evidence[str(id)].citation for id in rule.about["evidence"]]
    wanted += [of["why"] for of in rule.about.get("parameters", {}).values()]
    wanted += [*LABELS.values(), *(name for name, _, _ in inline_tests(rule)), rule.speech.summary]
    for words in wanted:
        assert " ".join(words.split()).replace("\\", "") in page


@pytest.mark.parametrize("id", RULES)
def test_a_rule_states_all_thirteen_attributes(content: Content, id: str) -> None:
    """None is empty, and what a rule does not ask it is said not to use."""
    rule = content.rules.rule(id)
    assert rule is not None
    attributes = source_attributes(rule, ())
    assert list(attributes) == list(LABELS)
    assert len(attributes) == 13
    assert all(attributes.values())


def test_an_attribute_that_a_criterion_asks_is_said_to_be_used(content: Content) -> None:
    """A criterion on the patient's age shows under date of birth; the age of a study does not."""
    rule = content.rules.rule("spine-fusion")
    assert rule is not None
    asked = replace(rule.criteria[0], says="The patient is an adult.", written={"patient": {"age": "18 y"}})
    of = source_attributes(replace(rule, criteria=(asked,)), ())
    assert of["date-of-birth"] == "Used: The patient is an adult."
    assert of["sex"] == "Not used."
    asked = replace(asked, written={"fhirpath": "Patient.gender = 'female'"})
    assert source_attributes(replace(rule, criteria=(asked,)), ())["sex"].startswith("Used: ")


def test_the_pages_in_the_repository_are_current(runner: CliRunner) -> None:
    """docs/rules and docs/intended-use.md are what `second-read docs` writes of the rules as they are."""
    ended = runner.invoke(main, ["docs", str(ROOT / "docs"), "--check"])
    assert ended.exit_code == 0, ended.output


def test_the_exported_definitions_are_current(runner: CliRunner) -> None:
    """fhir_profiles/plandefinitions is what `second-read fhir export` writes of the rules as they are."""
    ended = runner.invoke(main, ["fhir", "export", "--check"])
    assert ended.exit_code == 0, ended.output


def test_a_changed_file_is_not_current(runner: CliRunner, tmp_path: Path) -> None:
    """--check finds a file that was edited, one that is missing and one that is too many, and writes nothing."""
    assert runner.invoke(main, ["fhir", "export", str(tmp_path)]).exit_code == 0
    assert runner.invoke(main, ["fhir", "export", str(tmp_path), "--check"]).exit_code == 0
    (tmp_path / "spine-fusion.json").write_text("{}")
    (tmp_path / "second-read.json").unlink()
    (tmp_path / "of-yesterday.json").write_text("{}")
    ended = runner.invoke(main, ["fhir", "export", str(tmp_path), "--check"])
    assert ended.exit_code == 1
    for name in ("spine-fusion", "second-read", "of-yesterday"):
        assert f"not current: {tmp_path / name}.json" in ended.output
    assert (tmp_path / "spine-fusion.json").read_text() == "{}"


@pytest.mark.parametrize("path", ["", "spine-fusion", "intended-use"])
def test_a_page_asks_nobody_else_for_anything(client: FlaskClient, path: str) -> None:
    """No script, and no address that a browser would load but the style sheet of the service itself."""
    response = client.get(f"/rules/{path}")
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    found = Addresses()
    found.feed(response.text)
    assert found.loaded == ["data:,", "style.css"]
    assert "script" not in found.tags
    assert client.get("/rules/style.css").mimetype == "text/css"
    for address in found.linked:
        if "://" not in address:
            assert client.get(f"/rules/{address.removeprefix('./')}").status_code == 200, address
        else:
            assert address.startswith("https://doi.org/")


def test_words_of_a_rule_cannot_become_markup(content: Content) -> None:
    """A title with tags, a link or a table bar is shown as it was written."""
    rule = content.rules.rule("spine-fusion")
    assert rule is not None
    page = rule_page(replace(rule, title="<script>x</script> [a](javascript:b) | c"), content)
    found = Addresses()
    found.feed(page)
    assert "script" not in found.tags
    assert not any(address.startswith("javascript:") for address in found.linked)
    assert "&lt;script&gt;x&lt;/script&gt; [a](javascript:b) | c" in page


def test_nobody_is_said_to_have_signed(content: Content) -> None:
    """A rule without a signature says so before anything else; one with a signature names it."""
    rule = content.rules.rule("spine-fusion")
    assert rule is not None
    assert re.search(r"^# .*\n\n> \*\*Not clinically approved", rule_markdown(rule, content))
    signed = replace(rule, about={**rule.about, "signed": "A. Surgeon, 2026-12-01"})
    assert "> Signed clinically: A. Surgeon, 2026-12-01." in rule_markdown(signed, content)


def test_a_page_that_is_not_there(client: FlaskClient) -> None:
    """An unknown rule is 404."""
    assert client.get("/rules/nothing").status_code == 404
