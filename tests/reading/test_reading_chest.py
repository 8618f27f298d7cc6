"""What whole chest radiograph reports say: fourteen findings, labelled first, then read."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cds_service.reading import Lexicon
from cds_service.workbench.mentions import findings_of

HERE = Path(__file__).parent
LEAST_F1 = 0.90
NAMES = {
    name: re.compile(rf"\b(?:{words})\b")
    for name, words in YAML(typ="safe").load((HERE.parents[1] / "benchmarks" / "chest.yaml").read_text("utf-8")).items()
}
REPORTS: list[list[Any]] = YAML(typ="safe").load((HERE / "chest.yaml").read_text("utf-8"))


def text_of(row: list[Any]) -> str:
    """The report as it is sent."""
    _, indication, comparison, findings, impression = row
    return f"INDICATION: {indication}\nCOMPARISON: {comparison}\nFINDINGS: {findings}\nIMPRESSION: {impression}"


@pytest.mark.parametrize("kept_apart", [False, True])
def test_fourteen_findings_are_told_nearly_all_right(kept_apart: bool, lexicon: Lexicon) -> None:
    """Over all findings of each half of the reports, F1 is at least 0.90."""
    right = wrong = missed = 0
    for row in REPORTS[kept_apart::2]:
        there, stated = set(row[0]), set(findings_of(text_of(row), NAMES, lexicon))
        right += len(there & stated)
        wrong += len(stated - there)
        missed += len(there - stated)
    assert 2 * right / (2 * right + wrong + missed) >= LEAST_F1, (right, wrong, missed)


def test_every_finding_occurs_and_reports_without_any_do_too() -> None:
    """The sample holds all fourteen findings and at least thirty reports with none."""
    assert len(NAMES) == 14
    assert {name for row in REPORTS for name in row[0]} == set(NAMES)
    assert len(REPORTS) >= 120
    assert sum(not row[0] for row in REPORTS) >= 30


def test_what_is_only_asked_or_unlikely_is_not_stated(lexicon: Lexicon) -> None:
    """An indication states nothing, nor does what is called unlikely; a hedge does."""
    stated = findings_of(
        "INDICATION: rule out pneumonia\nFINDINGS: Possible effusion. Mass is unlikely. No edema.", NAMES, lexicon
    )
    assert stated == {"Effusion": ("effusion", "may-represent")}
