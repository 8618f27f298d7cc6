"""`second-read lexicon validate`: every mistake of every file at once, each with its line and column."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.__main__ import main

GOOD = """id: lesion
title: A lesion
phrases:
  - id: mass
    words: [lung mass]
    example: A lung mass.
    expect: present
"""
TRIGGERS = """id: _modifiers
title: Words that modify
triggers:
  - id: no
    kind: negation
    words: ["no"]
    example: No [lung mass].
    expect: absent
"""


def validate(folder: Path, **files: str) -> tuple[Result, list[tuple[str, int, str]]]:
    """The command's result on a folder of these files, and its problems as (file, line, code)."""
    folder.mkdir(exist_ok=True)
    for name, text in ({"lesion": GOOD, "_modifiers": TRIGGERS} | files).items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["lexicon", "validate", str(folder), "--json"], catch_exceptions=False)
    problems = json.loads(done.stdout)["problems"]
    return done, [(Path(p["file"]).stem, p["line"], p["code"]) for p in problems]


def test_the_shipped_lexicon_has_no_error() -> None:
    """What ships is clean of errors: every phrase can be found and every example holds."""
    done = CliRunner().invoke(main, ["lexicon", "validate"], catch_exceptions=False)
    assert done.exit_code in (0, 3), done.output
    assert " 0 errors" in done.output


def test_a_sound_lexicon_is_clean(tmp_path: Path) -> None:
    """No problem, exit 0, the counts said."""
    done, problems = validate(tmp_path / "lexicon")
    assert (done.exit_code, problems) == (0, [])
    assert json.loads(done.stdout)["phrases"] == 1


BROAD = ("lesion", 5, "over-broad")


@pytest.mark.parametrize(
    ("files", "expected", "code"),
    [
        (
            {"lesion": GOOD.replace("[lung mass]", "[lung mass, 'lung {mass|mass}']")},
            ("lesion", 5, "words-repeated"),
            3,
        ),
        ({"lesion": GOOD.replace("[lung mass]", "[lung mass, mm]")}, BROAD, 3),
        ({"lesion": GOOD.replace("[lung mass]", "[lung mass, normal]")}, BROAD, 3),
        ({"lesion": GOOD.replace("[lung mass]", "[lung mass, 'lung 3mm_mass.']")}, None, 0),
        ({"lesion": GOOD.replace("[lung mass]", "[lung mass, '{|mass}']")}, BROAD, 1),
        ({"lesion": GOOD.replace("A lung mass.", "A liver.")}, ("lesion", 6, "example"), 1),
        ({"lesion": GOOD.replace("expect: present", "expect: absent")}, ("lesion", 6, "example"), 1),
        ({"_modifiers": TRIGGERS.replace("No [lung mass]", "A [lung mass]")}, ("_modifiers", 7, "example"), 1),
        ({"lesion": GOOD.replace("    example: A lung mass.\n", "")}, ("lesion", 4, "missing-key"), 1),
        ({"lesion": GOOD + "title: again\n"}, ("lesion", 8, "duplicate-key"), 1),
        ({"mass": GOOD.replace("id: lesion", "id: mass")}, ("mass", 5, "words-twice"), 1),
    ],
)
def test_each_mistake_is_named_at_its_line(
    files: dict[str, str], expected: tuple[str, int, str] | None, code: int, tmp_path: Path
) -> None:
    """Repeated, over-broad and unreachable words, examples missing or failing: each with file and line."""
    done, problems = validate(tmp_path / "lexicon", **files)
    assert done.exit_code == code
    assert expected is None or expected in problems


def test_every_mistake_is_shown_at_once_with_its_line(tmp_path: Path) -> None:
    """Two files with three mistakes: three problems, with the line itself and a caret under the place."""
    validate(
        tmp_path / "lexicon",
        lesion=GOOD.replace("A lung mass.", "A liver.").replace("[lung mass]", "[lung mass, size]"),
        other=GOOD.replace("id: lesion", "id: other")
        .replace("lung mass", "lung node")
        .replace("A lung n", "A liver n"),
    )
    done = CliRunner().invoke(main, ["lexicon", "validate", str(tmp_path / "lexicon")], catch_exceptions=False)
    assert done.exit_code == 1
    assert "lesion.yaml:5:24: warning[over-broad]" in done.output
    assert "words: [lung mass, size]" in done.output
    assert done.output.count("error[example]") == 2
