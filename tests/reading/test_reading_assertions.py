"""What a report says of marked words: labelled first, then read."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cds_service.model import Assertion
from cds_service.reading import Lexicon, assert_span

HERE = Path(__file__).parent
LEAST_RIGHT = 0.95
STATED = ("present", "uncertain")
fast = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows_of(file: str) -> list[tuple[Assertion, str, str, str | None]]:
    """Expected assertion, class, marked text and heading of every row."""
    areas: dict[str, list[list[Any]]] = YAML(typ="safe").load((HERE / file).read_text("utf-8"))
    return [
        (row[0], f"{area}: {row[1]}", row[2], row[3] if len(row) > 3 else None) for area in areas for row in areas[area]
    ]


ROWS = rows_of("assertions.yaml")
HELD_OUT = {
    file: rows_of(file)
    for file in (
        "assertions-held-out.yaml",
        "traps-1.yaml",
        "traps-2.yaml",
        "traps-3.yaml",
        "traps-4.yaml",
        "traps-5.yaml",
    )
}
KEPT = [row for kept in HELD_OUT.values() for row in kept]
rows = st.sampled_from(ROWS + KEPT)


def unmark(marked: str) -> tuple[str, int, int]:
    """The text without its marks, and where the marked words stand."""
    before, words, after = re.fullmatch(r"(.*)\[\[(.*)\]\](.*)", marked, re.DOTALL).groups()  # type: ignore[union-attr]
    return before + words + after, len(before), len(before) + len(words)


def said(marked: str, section: str | None, lexicon: Lexicon) -> Assertion:
    """What is said of the marked words."""
    return assert_span(*unmark(marked), section, lexicon=lexicon)[0]


def misleads(expected: Assertion, got: Assertion) -> bool:
    """Whether a wrong reading hides a positive, or makes a finding of what only asks, fears, tells or explains."""
    return (expected in STATED and got == "absent") or (
        expected in ("indication", "family", "hypothetical") and got in STATED
    )


@pytest.mark.parametrize(
    ("expected", "kind", "marked", "section"), ROWS, ids=[f"{n}-{r[1]}" for n, r in enumerate(ROWS)]
)
def test_marked_words_are_read_as_labelled(
    expected: Assertion, kind: str, marked: str, section: str | None, lexicon: Lexicon
) -> None:
    """Every labelled row gets its label."""
    assert said(marked, section, lexicon) == expected, kind


@pytest.mark.parametrize("file", HELD_OUT)
def test_sentences_that_nothing_was_tuned_to_are_read_nearly_all_right(file: str, lexicon: Lexicon) -> None:
    """Of the rows kept apart at least 95 % are right, and none hides a positive or invents a finding."""
    got = [(row, said(row[2], row[3], lexicon)) for row in HELD_OUT[file]]
    wrong = [(row, one) for row, one in got if one != row[0]]
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(got), wrong
    assert not [(row, one) for row, one in wrong if misleads(row[0], one)]


def test_the_rows_say_enough() -> None:
    """At least three hundred rows, every assertion among them, and seven hundred more that were kept apart."""
    assert len(ROWS) >= 300
    assert len(KEPT) >= 700
    assert {row[0] for row in ROWS} == {
        "present", "absent", "uncertain", "historical", "hypothetical", "family", "indication",
    }  # fmt: skip
    texts = [row[2] for row in ROWS + KEPT]
    assert len(set(texts)) == len(texts)


@given(row=rows, width=st.integers(1, 4))
@fast
def test_capitals_and_blanks_change_nothing(
    row: tuple[Assertion, str, str, str | None], width: int, lexicon: Lexicon
) -> None:
    """The same words in capitals, or with several blanks between them, are read alike."""
    _, _, marked, section = row
    here = said(marked, section, lexicon)
    assert said(marked.upper(), section, lexicon) == here
    assert said(marked.replace(" ", " " * width), section, lexicon) == here


@given(row=rows)
@fast
def test_line_ends_change_nothing(row: tuple[Assertion, str, str, str | None], lexicon: Lexicon) -> None:
    """LF and CRLF twins are read alike."""
    _, _, marked, section = row
    assert said(marked.replace("\n", "\r\n"), section, lexicon) == said(marked, section, lexicon)


@given(
    row=rows,
    around=st.sampled_from(
        [
            ("The aorta is normal in caliber.\n", ""),
            ("", "\nThe aorta is normal in caliber."),
            ("No family history of aneurysm.\n", "\nNo priors."),
        ]
    ),
)
@fast
def test_other_lines_change_nothing(
    row: tuple[Assertion, str, str, str | None], around: tuple[str, str], lexicon: Lexicon
) -> None:
    """What stands on other lines does not reach in."""
    _, kind, marked, section = row
    if "report" in kind or "legend" in kind or "\n" in marked or not marked.endswith("."):
        return
    assert said(around[0] + marked + around[1], section, lexicon) == said(marked, section, lexicon)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Indication", "indication"),
        ("  REASON FOR THE EXAMINATION:\n", "indication"),
        ("Clin. question", "indication"),
        ("Pertinent oncologic history", "historical"),
        ("**PMH**", "historical"),
        ("COMPARISON STUDIES:", "historical"),
        ("Family Hx", "family"),
        ("Technique and contrast", "indication"),
        ("BI-RADS key", "hypothetical"),
        ("FINDINGS:", "present"),
        ("Lungs and pleura", "present"),
        ("IMPRESSION AND PLAN", "present"),
        ("Addendum #3", "present"),
        ("", "present"),
        (None, "present"),
    ],
)
def test_any_heading_says_what_its_words_are_worth(heading: str | None, expected: str, lexicon: Lexicon) -> None:
    """The heading a text stands under decides, in whatever words it is given."""
    assert said("[[Metastasis]] in the liver.", heading, lexicon) == expected


def test_words_outside_the_text_are_refused(lexicon: Lexicon) -> None:
    """Offsets that name no words are an error, not an answer."""
    for start, end in ((0, 0), (5, 3), (-1, 2), (0, 99)):
        with pytest.raises(ValueError, match="no words"):
            assert_span("No mass.", start, end, lexicon=lexicon)
    with pytest.raises(ValueError, match="no words"):
        assert_span("No  mass.", 2, 4, lexicon=lexicon)
