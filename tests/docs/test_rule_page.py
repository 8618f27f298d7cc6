"""docs/rule-file.md and docs/content-errors.md: nothing without an example, a reason and a way out."""

import re
from pathlib import Path

import pytest

from cds_service.content import Content
from cds_service.rules.compiling import compile_criterion
from cds_service.rules.kinds import KINDS
from cds_service.rules.lints import LINTS
from cds_service.rules.rule import Names
from cds_service.rules.rule_fields import RULE
from cds_service.rules.rule_file import vocabulary
from cds_service.workbench.checking import names_of
from cds_service.workbench.examples import FIELDS, KIND_EXAMPLES
from cds_service.yaml_source import Sheet, parse_yaml

ROOT = Path(__file__).parents[2]
ERRORS = (ROOT / "docs" / "content-errors.md").read_text(encoding="utf-8")
PARTS = ("Avoid", "Prefer", "Why", "Silence")


@pytest.fixture(scope="module")
def names(content: Content) -> Names:
    """What rules may refer to."""
    return names_of(content)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_every_kind_compiles(kind: str, names: Names) -> None:
    """What the page shows can be copied into a rule."""
    text = f"id: x\nsays: As the page shows it.\nif_unknown: proceed\n{KIND_EXAMPLES[kind]}\n"
    sheet = Sheet(kind)
    node = parse_yaml(text, sheet)
    assert node is not None
    line = compile_criterion(node, "exclusion", sheet, vocabulary(names, (), {}), kind)
    assert sheet.problems == []
    assert line is not None
    assert line.kinds == (kind,)


@pytest.mark.parametrize("field", sorted(RULE))
def test_every_field_has_its_heading_and_an_example_of_that_field(field: str) -> None:
    """Valid YAML with just that field at the top."""
    page = (ROOT / "docs" / "rule-file.md").read_text(encoding="utf-8")
    assert f"\n### Field `{field}`\n" in page
    sheet = Sheet(field)
    node = parse_yaml(FIELDS[field], sheet)
    assert node is not None
    assert (sheet.problems, list(node.value)) == ([], [field])


def sections(heading: str) -> dict[str, str]:
    """Code -> text, under one heading of the errors page."""
    part = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", ERRORS, re.M | re.S)
    assert part is not None
    return dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", part[1], re.M | re.S))


@pytest.mark.parametrize("heading", ["Rules", "Card texts"])
def test_every_rule_and_card_check_says_what_to_avoid_and_prefer_and_why_and_how_to_silence(heading: str) -> None:
    """Four lines each; a lint that can be silenced shows how."""
    found = sections(heading)
    assert len(found) >= 10
    for code, text in found.items():
        assert [part for part in PARTS if f"\n- {part}: " in f"\n{text}"] == list(PARTS), code
        if code in LINTS:
            assert f"silence: [{{lint: {code}, why: " in text
        assert (
            code == "survived-mutant" or code in LINTS or "cannot be silenced" in text or "Give the reason" in text
        ), code
