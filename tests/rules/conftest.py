"""A folder of rules that a test may break, and the names of the shipped content."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.content import Content
from cds_service.errors import Problem
from cds_service.rules import Names, check_rules
from cds_service.workbench.checking import names_of


@pytest.fixture(scope="session")
def names(content: Content) -> Names:
    """What the shipped rules may refer to."""
    return names_of(content)


@pytest.fixture
def cards(content: Content, tmp_path: Path) -> Path:
    """The shipped exclusions and evidence beside one small rule, to be broken."""
    folder = tmp_path / "cards"
    (folder / "rules").mkdir(parents=True)
    for name in ("exclusions.yaml", "evidence.yaml"):
        shutil.copy(content.folder / "cards" / name, folder / name)
    shutil.copy(Path(__file__).parent / "small-fusion.yaml", folder / "rules" / "small-fusion.yaml")
    return folder


@pytest.fixture
def broken(cards: Path, names: Names) -> Callable[..., list[Problem]]:
    """Replaces text in the small rule (or another file) and answers with the problems found there."""

    def replace(old: str, new: str, file: str = "rules/small-fusion.yaml") -> list[Problem]:
        path = cards / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return [problem for problem in check_rules(cards / "rules", names)[1] if problem.file == str(path)]

    return replace
