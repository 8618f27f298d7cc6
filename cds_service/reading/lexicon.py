"""The lexicon: what report language means, as read from `cards/lexicon/*.yaml` and compiled once.

One file is one concept; `_modifiers.yaml` holds the words that turn a finding into an absent, uncertain, former or
merely feared one. The language lives in those files, the grammar in this package.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from cds_service.errors import ContentError, Problem
from cds_service.layers import Folders, layered
from cds_service.model import Assertion, Suspicion, Trend
from cds_service.reading.entries import Entry
from cds_service.reading.words import Trie, any_of, british, count, spread
from cds_service.yaml_source import Sheet, read_yaml

Kind = Literal[
    "negation", "pseudo", "hedge", "historical", "hypothetical", "indication", "family", "resolved", "unread",
    "boundary", "mark",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
TRENDS: tuple[Trend, ...] = get_args(Trend)
ASSERTIONS: tuple[Assertion, ...] = get_args(Assertion)
SUSPICIONS: tuple[Suspicion, ...] = get_args(Suspicion)
MODIFIERS = "_modifiers"
ORGANS = "_organs"
_MOST_WORDS = 3000  # phrases of one pattern; more is a mistake with braces


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """Words that name a concept, and what they say of it beyond naming it."""

    id: str  # `spinal-stenosis/canal`
    concept: str
    graded: bool = False  # read severity, level and side with it
    lesion: bool = False  # read size, trend, suspicion and regions with it
    suspicion: Suspicion | None = None  # what the name itself says: `hemangioma` is benign
    value: str | None = None
    nothing: bool = False  # words that hold a phrase and name nothing: `body mass index`
    of_study: bool = False  # says something of the study itself, so technique and comparison assert it too
    near: re.Pattern[str] | None = None  # counts only where the report also says one of these
    beside: re.Pattern[str] | None = None  # counts only where the sentence also says one of these
    never_near: re.Pattern[str] | None = None  # does not count where the sentence says one of these


@dataclass(frozen=True, slots=True, eq=False)
class Trigger:
    """Words that modify a finding: `ahead` those after them, `back` those before them."""

    id: str
    kind: Kind
    ahead: bool = True
    back: bool = False
    reach: int = 0  # at most so many words away; 0: as far as the statement goes
    suspicion: Suspicion | None = None
    trend: Trend | None = None


K = TypeVar("K", Phrase, Trigger)


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence of the lexicon with the label it must get; `target` marks the words when a trigger is shown."""

    id: str
    concept: str | None
    sentence: str
    expect: Assertion
    file: str
    line: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lexicon:
    """Everything `read` knows of language. Compared by identity; `digest` names its content."""

    concepts: frozenset[str]
    titles: dict[str, str]
    phrases: dict[str, Phrase]  # by words
    triggers: dict[str, Trigger]  # by words
    find_phrases: Trie[Phrase]
    find_triggers: Trie[Trigger]
    find_organs: Trie[str]
    organ_examples: tuple[tuple[str, str], ...]  # organ, sentence that names it
    examples: tuple[Example, ...]
    digest: str

    def __repr__(self) -> str:
        return f"Lexicon({self.digest})"


def load_lexicon(folder: Folders) -> Lexicon:
    """Read and compile every file of a lexicon folder; raises ContentError with every problem of every file at once.

    Of several folders, a file of a later one takes the place of one before it.
    """
    problems: list[Problem] = []
    titles: dict[str, str] = {}
    phrases: dict[str, Phrase] = {}
    triggers: dict[str, Trigger] = {}
    organs: dict[str, str] = {}
    examples: list[Example] = []
    organ_examples: list[tuple[str, str]] = []
    digest = hashlib.blake2b(digest_size=16)
    files = layered(folder, "*.yaml")
    if not files:
        raise ContentError((Problem(str(folder), 1, 1, "lexicon-empty", "no *.yaml file in the lexicon folder"),))
    for path in files:
        digest.update(path.read_bytes())
        sheet = Sheet(path.name)
        root = read_yaml(path, sheet)
        if root is not None and not isinstance(root.value, dict):
            sheet.wrong(root, "not-a-mapping", "the file must be a mapping at its top")
        elif root is not None and not sheet.problems:
            if path.stem == ORGANS:
                _read_organs(Entry(root, sheet), organs, organ_examples)
            elif path.stem == MODIFIERS:
                _read_modifiers(Entry(root, sheet), triggers, examples)
            else:
                _read_concept(Entry(root, sheet), path.stem, titles, phrases, examples)
        problems += sheet.problems
    if problems:
        raise ContentError(tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column))))
    return Lexicon(
        concepts=frozenset(titles),
        titles=titles,
        phrases=phrases,
        triggers=triggers,
        find_phrases=Trie(phrases.items()),
        find_triggers=Trie(triggers.items()),
        find_organs=Trie(organs.items()),
        organ_examples=tuple(organ_examples),
        examples=tuple(examples),
        digest=digest.hexdigest(),
    )


def _read_concept(
    root: Entry, stem: str, titles: dict[str, str], phrases: dict[str, Phrase], examples: list[Example]
) -> None:
    root.keys(
        required=("id", "title", "phrases"),
        optional=("severity", "lesion", "of_study", "nothing", "near", "never_near", "notes"),
    )
    concept = root.text("id")
    if concept and concept != stem:
        root.wrong("id", "id-not-file", f"id is '{concept}' but the file is '{stem}.yaml'")
    titles[stem] = root.text("title")
    graded, lesion, of_study = root.flag("severity"), root.flag("lesion"), root.flag("of_study")
    near, never = root.words("near"), root.words("never_near")
    _keep(root, Phrase(id=f"{stem}/nothing", concept=stem, nothing=True), phrases, "nothing")
    seen: set[str] = set()
    for node in root.entries("phrases"):
        node.keys(
            required=("id", "words", "example", "expect"),
            optional=("suspicion", "value", "near", "with", "never_near", "severity", "lesion"),
        )
        name = node.text("id")
        if name in seen:
            node.wrong("id", "duplicate-id", f"phrase '{name}' stands twice in this file")
        seen.add(name)
        phrase = Phrase(
            id=f"{stem}/{name}",
            concept=stem,
            graded=node.flag("severity") if node.has("severity") else graded,
            lesion=node.flag("lesion") if node.has("lesion") else lesion,
            suspicion=node.choice("suspicion", SUSPICIONS),
            value=node.text("value") or None,
            of_study=of_study,
            near=any_of(node.words("near") or near),
            beside=any_of(node.words("with")),
            never_near=any_of(node.words("never_near") or never),
        )
        _keep(node, phrase, phrases)
        _example(node, phrase.id, stem, examples)


def _read_modifiers(root: Entry, triggers: dict[str, Trigger], examples: list[Example]) -> None:
    root.keys(required=("id", "title", "triggers"), optional=("notes",))
    seen: set[str] = set()
    for node in root.entries("triggers"):
        node.keys(
            required=("id", "kind", "words", "example", "expect"), optional=("direction", "reach", "suspicion", "trend")
        )
        name = node.text("id")
        if name in seen:
            node.wrong("id", "duplicate-id", f"trigger '{name}' stands twice in this file")
        seen.add(name)
        direction = node.choice("direction", ("ahead", "back", "both")) or "ahead"
        trigger = Trigger(
            id=name,
            kind=node.choice("kind", KINDS) or "mark",
            ahead=direction != "back",
            back=direction != "ahead",
            reach=node.number("reach"),
            suspicion=node.choice("suspicion", SUSPICIONS),
            trend=node.choice("trend", TRENDS),
        )
        _keep(node, trigger, triggers)
        _example(node, name, None, examples)


def _read_organs(root: Entry, organs: dict[str, str], examples: list[tuple[str, str]]) -> None:
    root.keys(required=("id", "title", "organs"), optional=("notes",))
    for node in root.entries("organs"):
        node.keys(required=("id", "words", "example"))
        name = node.text("id")
        if any(name == other for other, _ in examples):
            node.wrong("id", "duplicate-id", f"organ '{name}' stands twice in this file")
        for pattern in node.words("words"):
            for words in spread(pattern):
                other = organs.setdefault(words, name)
                if other != name:
                    node.wrong("words", "words-twice", f"'{words}' already belongs to {other}")
            organs.update({words: name for words in spread(british(pattern)) if words not in organs})
        examples.append((name, node.text("example")))


def _keep(node: Entry, kept: K, by_words: dict[str, K], key: str = "words") -> None:
    """Spread the words of one entry; the same words may mean one thing only."""
    for pattern in node.words(key):
        size = count(pattern)
        if size > _MOST_WORDS:
            node.wrong(key, "too-many-words", f"braces spread to {size} phrases (at most {_MOST_WORDS})")
            continue
        for words in spread(pattern):
            other = by_words.setdefault(words, kept)
            if other is not kept:
                node.wrong(key, "words-twice", f"'{words}' already belongs to {other.id}")
        other_spelling = british(pattern)
        if other_spelling != pattern:
            for words in spread(other_spelling):
                by_words.setdefault(words, kept)


def _example(node: Entry, id: str, concept: str | None, examples: list[Example]) -> None:
    expect = node.choice("expect", ASSERTIONS)
    sentence = node.text("example")
    if concept is None and not ("[" in sentence and "]" in sentence):
        node.wrong("example", "no-target", "mark the words that are modified: `No evidence of [metastasis].`")
    if expect:
        examples.append(Example(id, concept, sentence, expect, node.sheet.file, node.at("example").line))
