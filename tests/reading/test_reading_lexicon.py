"""The lexicon is strict: every mistake at once, each at its place; and every example of it holds."""

from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.model import ReportPart
from cds_service.reading import Lexicon, assert_span, load_lexicon, read
from cds_service.reading.lexicon import Example
from cds_service.reading.words import Words

FOLDER = Path(__file__).parents[2] / "cards" / "lexicon"
EXAMPLES = load_lexicon(FOLDER).examples
CONCEPTS = frozenset(
    [
        "aneurysm",
        "carotid-stenosis",
        "cauda-equina-compression",
        "cerebral-abscess",
        "comparison",
        "cord-compression",
        "demyelination",
        "dense-breast",
        "disc-herniation",
        "endometrial-thickening",
        "extraprostatic-extension",
        "haemorrhage",
        "infarct",
        "infundibulum",
        "interstitial-lung-disease",
        "lesion",
        "ligament-tear",
        "limited-study",
        "local-invasion",
        "lymphadenopathy",
        "malignancy",
        "meniscal-tear",
        "metastasis",
        "multifocal-disease",
        "neural-compression",
        "perineural-spread",
        "raised-pressure",
        "recommendation",
        "recurrence",
        "resectability",
        "rotator-cuff-tear",
        "seminal-vesicle-invasion",
        "spinal-deformity",
        "spinal-infection",
        "spinal-instability",
        "spinal-stenosis",
        "spinal-tumour",
        "spondylolisthesis",
        "treatment-effect",
        "vertebral-fracture",
        "vessel-contact",
    ]
)
ORGAN_EXAMPLES = load_lexicon(FOLDER).organ_examples


def test_every_concept_that_rules_may_name_has_a_file(lexicon: Lexicon) -> None:
    """The concepts are those the rules are written with."""
    assert lexicon.concepts == CONCEPTS


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.concept], ids=lambda e: e.id)
def test_the_example_of_a_phrase_is_read_as_it_says(example: Example, lexicon: Lexicon) -> None:
    """The phrase is found in its own example, with the assertion promised."""
    reading = read((ReportPart("presentedForm", example.sentence),), lexicon)
    said = {finding.assertion for finding in reading.findings if finding.phrase == example.id}
    assert said == {example.expect}


@pytest.mark.parametrize(("organ", "sentence"), ORGAN_EXAMPLES, ids=[organ for organ, _ in ORGAN_EXAMPLES])
def test_the_example_of_an_organ_names_it(organ: str, sentence: str, lexicon: Lexicon) -> None:
    """The words of an organ are found in its own example, and no other organ's."""
    assert {found for _, _, found in lexicon.find_organs.find(Words(sentence.lower()))} == {organ}


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.concept], ids=lambda e: e.id)
def test_the_example_of_a_trigger_is_judged_as_it_says(example: Example, lexicon: Lexicon) -> None:
    """Each marked target of a trigger's example gets the label promised, by that trigger."""
    bare = example.sentence.replace("[", "").replace("]", "")
    at = 0
    removed = 0
    while (at := example.sentence.find("[", at)) != -1:
        end = example.sentence.index("]", at)
        said, trigger = assert_span(bare, at - removed, end - removed - 1, lexicon=lexicon)
        assert said == example.expect
        assert said == "present" or trigger == example.id
        removed += 2
        at = end


def write(folder: Path, **files: str) -> Path:
    """A lexicon folder of these files."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder


GOOD = """id: lesion
title: A lesion
phrases:
  - id: mass
    words: [mass]
    example: A mass.
    expect: present
"""


def problems_of(folder: Path) -> list[str]:
    """The problems of a folder, as shown."""
    with pytest.raises(ContentError) as caught:
        load_lexicon(folder)
    return [str(problem) for problem in caught.value.problems]


def test_all_mistakes_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    """Two files with three mistakes give three problems, each with line and column and the nearest right word."""
    folder = write(
        tmp_path,
        lesion=GOOD.replace("expect: present", "expect: presnt").replace("words:", "wrods:"),
        metastasis=GOOD.replace("title: A lesion", "title: 3"),
    )
    shown = problems_of(folder)
    assert "lesion.yaml:5:5: error[unknown-key]: unknown key 'wrods'; did you mean 'words'?" in shown
    assert any(p.startswith("lesion.yaml:7:13: error[unknown-word]") and "did you mean 'present'?" in p for p in shown)
    assert any(p.startswith("metastasis.yaml:2:8: error[not-text]") for p in shown)
    assert any("[id-not-file]" in p for p in shown)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD + "title: again\n", "duplicate-key"),
        ("id: [", "not-yaml"),
        ("- a\n", "not-a-mapping"),
        (GOOD.replace("[mass]", "mass"), "not-a-list-of-text"),
        (
            GOOD.replace("[mass]", '["{a|b|c|d|e|f|g|h|i|j}{a|b|c|d|e|f|g|h|i|j}{a|b|c|d|e|f|g|h|i|j}{a|b|c|d}"]'),
            "too-many-words",
        ),
        (GOOD.replace("phrases:", "severity: yes\nphrases:"), "not-true-or-false"),
        (GOOD.replace("    example: A mass.\n", ""), "missing-key"),
        ("id: lesion\ntitle: x\nphrases: []\n", "not-a-list"),
    ],
)
def test_a_mistake_is_named(text: str, code: str, tmp_path: Path) -> None:
    """Each kind of mistake has its code."""
    assert any(f"[{code}]" in problem for problem in problems_of(write(tmp_path, lesion=text)))


def test_the_same_words_cannot_mean_two_things(tmp_path: Path) -> None:
    """Words that stand in two files are refused, naming the other."""
    shown = problems_of(write(tmp_path, lesion=GOOD, mass=GOOD.replace("id: lesion", "id: mass")))
    assert shown == ["mass.yaml:5:12: error[words-twice]: 'mass' already belongs to lesion/mass"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """No lexicon is a mistake, not a lexicon without words."""
    assert "lexicon-empty" in problems_of(tmp_path)[0]
