"""What is wrong with a lexicon beyond its syntax: phrases nobody reaches, too broad ones, examples that fail.

Every problem of every file at once. Errors keep a lexicon from loading, or break a promise that an entry makes by its
example; warnings are for a person to judge.
"""

from collections.abc import Iterator
from pathlib import Path

from cds_service.errors import ContentError, Problem
from cds_service.model import ReportPart
from cds_service.reading import assert_span
from cds_service.reading.assertion import lower
from cds_service.reading.entries import Entry
from cds_service.reading.lexicon import MODIFIERS, Example, Lexicon, load_lexicon
from cds_service.reading.report import read
from cds_service.reading.words import Words, spread
from cds_service.yaml_source import Node, Sheet, read_yaml

# words of everyday report prose: alone they name nothing
_EVERYDAY = frozenset(
    [
        "normal",
        "left",
        "right",
        "seen",
        "noted",
        "view",
        "level",
        "levels",
        "region",
        "area",
        "size",
        "image",
        "images",
        "study",
        "exam",
        "finding",
        "findings",
        "change",
        "changes",
        "evidence",
        "patient",
        "contrast",
        "body",
        "line",
        "upper",
        "lower",
        "small",
        "large",
        "mild",
        "moderate",
        "severe",
        "new",
        "old",
        "other",
        "present",
        "tissue",
        "soft",
        "bone",
        "disc",
        "spine",
        "bowel",
        "lung",
        "liver",
        "kidney",
        "brain",
        "breast",
        "wall",
        "side",
        "part",
        "type",
        "stage",
        "grade",
        "time",
    ]
)
_SHORT = 2  # letters


def check_lexicon(folder: Path) -> tuple[Lexicon | None, tuple[Problem, ...]]:
    """The lexicon, where it can be loaded, and everything wrong with it or worth a warning, by file and line."""
    problems: list[Problem] = []
    lexicon = None
    try:
        lexicon = load_lexicon(folder)
    except ContentError as error:
        problems += error.problems
    for path in sorted(folder.glob("*.yaml")):
        sheet = Sheet(path.name)
        root = read_yaml(path, sheet)
        if root is not None and isinstance(root.value, dict) and not sheet.problems:
            _check_file(Entry(root, sheet), path.stem == MODIFIERS, lexicon)
            problems += sheet.problems
    if lexicon is not None:
        problems += [problem for example in lexicon.examples if (problem := _check_example(example, lexicon))]
    full = (Problem(str(folder / p.file), p.line, p.column, p.code, p.message, p.severity)
            if not Path(p.file).is_absolute() else p for p in problems)  # fmt: skip
    return lexicon, tuple(sorted(dict.fromkeys(full), key=lambda p: (p.file, p.line, p.column)))


def _check_file(root: Entry, modifiers: bool, lexicon: Lexicon | None) -> None:
    key = "triggers" if modifiers else "phrases"
    if not isinstance(root.at(key).value, list):
        return  # the loader says so
    for entry in root.entries(key):
        listed = entry.at("words").value
        if not isinstance(listed, list):
            continue
        seen: dict[str, Node] = {}
        for node in listed:
            if isinstance(node.value, str):
                _check_words(node, seen, entry, modifiers, lexicon)


def _check_words(node: Node, seen: dict[str, Node], entry: Entry, modifiers: bool, lexicon: Lexicon | None) -> None:
    """One pattern: what it spreads to, what of that stands already, is too broad or can never be found."""
    twice = []
    for words in spread(node.value):
        if not words:
            entry.sheet.wrong(node, "over-broad", f"'{node.value}' also spreads to no words at all")
            continue
        if words in seen:
            twice.append(words)
        seen[words] = node
        if not modifiers and _is_broad(words, entry):
            said = f"'{words}' alone names too much: add a word, `with` or `near`"
            entry.sheet.wrong(node, "over-broad", said, "warning")
        if lexicon is not None and not _is_found(words, lexicon, modifiers):
            entry.sheet.wrong(node, "unreachable", f"'{words}' can never be found: {_why(words, lexicon, modifiers)}")
    if twice:
        more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
        entry.sheet.wrong(node, "words-repeated", f"'{twice[0]}'{more} stands twice in this entry", "warning")


def _is_broad(words: str, entry: Entry) -> bool:
    alone = " " not in words
    guarded = any(entry.has(key) for key in ("near", "with"))
    return alone and not guarded and (words in _EVERYDAY or len(words) <= _SHORT)


def _is_found(words: str, lexicon: Lexicon, modifiers: bool) -> bool:
    trie = lexicon.find_triggers if modifiers else lexicon.find_phrases
    return any((start, end) == (0, len(words)) for start, end, _ in trie.find(Words(lower(words))))


def _why(words: str, lexicon: Lexicon, modifiers: bool) -> str:
    trie = lexicon.find_triggers if modifiers else lexicon.find_phrases
    shadows = [what.id for _, _, what in trie.find(Words(lower(words)))]
    return f"{', '.join(shadows)} takes its words" if shadows else "no text is cut into such words"


def _check_example(example: Example, lexicon: Lexicon) -> Problem | None:
    """Whether the entry is found in its own example, with the label that it promises."""
    if example.concept:
        reading = read((ReportPart("presentedForm", example.sentence),), lexicon)
        said = sorted({f.assertion for f in reading.findings if f.phrase == example.id})
        if said == [example.expect]:
            return None
        why = f"reads {', '.join(said)}" if said else "does not name it"
        said_words = f"the example of {example.id} {why}; {example.expect} is promised"
        return Problem(example.file, example.line, 1, "example", said_words)
    bare = example.sentence.replace("[", "").replace("]", "")
    for start, end in _targets(example.sentence):
        said_, trigger = assert_span(bare, start, end, lexicon=lexicon)
        if said_ != example.expect or (said_ != "present" and trigger != example.id):
            by = f" by {trigger}" if trigger else ""
            said_words = f"'{bare[start:end]}' reads {said_}{by}; {example.expect} by {example.id} is promised"
            return Problem(example.file, example.line, 1, "example", said_words)
    return None


def _targets(sentence: str) -> Iterator[tuple[int, int]]:
    """The marked words of an example, counted without the marks."""
    removed, at = 0, sentence.find("[")
    while at != -1:
        end = sentence.find("]", at)
        if end == -1:
            return
        yield at - removed, end - removed - 1
        removed += 2
        at = sentence.find("[", end)
