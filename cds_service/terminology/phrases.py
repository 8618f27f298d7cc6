"""Order phrases: what an order's words name when it carries no code of ours. The last resort, and told as such.

The phrases are cards/order-phrases.yaml, in a small language: words in order; `a|b` either; `word*` any ending; `...`
up to four words between; `{level}` a spine level. An order *about* an operation (its history, its imaging,
its after-care) is no order *for* it: `never_before` and `never_after` are the words that tell them apart.
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from pathlib import Path
from typing import Any

from cds_service.errors import ContentError, Problem
from cds_service.model import Member
from cds_service.yaml_source import Place, YamlSource, read_plain

_FILE_KEYS = frozenset({"never_before", "never_after", "phrases", "drugs", "never_with_drug"})
_PHRASE_KEYS = frozenset({"id", "value_set", "group", "region", "needs_cancer", "words", "example", "never"})
_DRUG_KEYS = frozenset({"names", "value_set", "group", "needs_cancer", "example", "never"})
_LEVEL = r"[ctls]\d{1,2}(?: ?[-/\u2010-\u2015] ?[ctls]?\d{1,2}){1,5}"
_GAP = r"(?:\W+[\w-]+){0,4}?\W+"
_WORD = re.compile(r"[a-z0-9]+(?:-[a-z]+)?")
_LONGEST = 400  # characters of an order's text that are read


class OrderPhrases:
    """Compiled phrases and drug names. `find` is cached: the same order names come all day."""

    def __init__(
        self,
        phrases: tuple[tuple[re.Pattern[str], Member], ...],
        drugs: Mapping[str, Member],
        never_before: re.Pattern[str] | None,
        never_after: re.Pattern[str] | None,
        never_with_drug: re.Pattern[str] | None,
    ) -> None:
        self._phrases = phrases
        self._drugs = drugs
        self._any = re.compile("|".join(dict.fromkeys(p.pattern for p, _ in phrases)) or r"(?!)")
        self._before, self._after, self._with_drug = never_before, never_after, never_with_drug
        self.find = lru_cache(maxsize=4096)(self._find)

    def _find(self, text: str) -> tuple[Member, ...]:
        """Members named by a text, at most one of each value set and group; never raises."""
        words = text[:_LONGEST].lower()
        found: dict[tuple[str, str], Member] = {}
        for name in _WORD.findall(words):
            member = self._drugs.get(name) or (self._drugs.get(name.partition("-")[0]) if "-" in name else None)
            if member is None and "-" in name:
                member = self._drugs.get(name.partition("-")[2])
            if member is not None and not (self._with_drug and self._with_drug.search(words)):
                found.setdefault((member.value_set, member.code), member)
        if self._any.search(words):
            for pattern, member in self._phrases:
                if any(self._stands(words, m.start(), m.end()) for m in pattern.finditer(words)):
                    found.setdefault((member.value_set, member.group), member)
        return tuple(found.values())

    def _stands(self, words: str, start: int, end: int) -> bool:
        """Whether the text orders what the phrase names, and is not about it."""
        if self._before and self._before.search(words, 0, start):
            return False
        return not (self._after and self._after.match(words, end))


def load_order_phrases(
    path: Path, groups: Mapping[str, AbstractSet[str]], ingredients: Iterable[Member], regions: AbstractSet[str]
) -> OrderPhrases:
    """The phrases of the file and the drug names of the value set; ContentError with every problem at once."""
    source = read_plain(path)
    problems = source.unknown_keys((), source.value, _FILE_KEYS)
    if problems:
        raise ContentError(tuple(problems))
    phrases: list[tuple[re.Pattern[str], Member]] = []
    examples: list[tuple[Place, str, Member | None, tuple[str, str]]] = []
    drugs = {
        m.display.lower(): Member(m.value_set, m.group, m.code, m.system, m.display, None, m.needs_cancer, "ingredient")
        for m in ingredients
    }
    for place, entry in _entries(source, "phrases", _PHRASE_KEYS, problems):
        member = _member(source, place, entry, groups, regions, problems, str(entry.get("id", "")), "text")
        for index, phrase in enumerate(_strings(source, place, entry, "words", problems)):
            try:
                phrases.append((re.compile(_pattern(phrase)), member))
            except (ValueError, re.error) as error:
                problems.append(source.problem((*place, "words", index), "bad-phrase", f"'{phrase}': {error}"))
        _note_examples(source, place, entry, member, examples, problems)
    for place, entry in _entries(source, "drugs", _DRUG_KEYS, problems):
        for index, name in enumerate(_strings(source, place, entry, "names", problems)):
            if _WORD.fullmatch(name) is None:
                words = f"'{name}' is to be one word in lower case"
                problems.append(source.problem((*place, "names", index), "bad-name", words))
            elif name in drugs:
                problems.append(source.problem((*place, "names", index), "duplicate-name", f"'{name}' stands already"))
            else:
                drugs[name] = _member(source, place, entry, groups, regions, problems, name, "ingredient")
        member = _member(source, place, entry, groups, regions, problems, "", "ingredient")
        _note_examples(source, place, entry, member, examples, problems)
    made = OrderPhrases(
        tuple(phrases),
        drugs,
        _words(source, "never_before", r"\b(?:{})\b", problems),
        _words(source, "never_after", r"\W+(?:[\w-]+\W+){{0,1}}?(?:{})\b", problems),
        _words(source, "never_with_drug", r"\b(?:{})\b", problems),
    )
    if not problems:
        problems.extend(_failing_examples(source, made, examples))
    if problems:
        raise ContentError(tuple(dict.fromkeys(problems)))
    return made


def _pattern(phrase: str) -> str:
    """One phrase of the little language as a regular expression over lower-case text."""
    parts: list[str] = []
    join = ""
    for token in phrase.lower().split():
        if token == "...":  # noqa: S105 - a gap between words, no secret
            if not parts:
                raise ValueError("a phrase cannot start with ...")
            join = _GAP
            continue
        choices = [_LEVEL if c == "{level}" else re.escape(c).replace(r"\*", r"[\w-]*") for c in token.split("|")]
        if not all(choices):
            raise ValueError("an empty word stands beside |")
        parts.append(f"{join}(?:{'|'.join(choices)})")
        join = r"\W+"
    if not parts or phrase.rstrip().endswith("..."):
        raise ValueError("a phrase ends with a word")
    return rf"\b{''.join(parts)}\b"


def _entries(
    source: YamlSource, key: str, allowed: frozenset[str], problems: list[Problem]
) -> Iterable[tuple[Place, dict[str, Any]]]:
    """The mappings of one list, each with its place; whatever is no mapping is a problem."""
    for index, entry in enumerate(source.value.get(key) or ()):
        wrong = source.unknown_keys((key, index), entry, allowed)
        problems.extend(wrong)
        if not wrong:
            yield (key, index), entry


def _strings(
    source: YamlSource, place: Place, entry: dict[str, Any], key: str, problems: list[Problem]
) -> tuple[str, ...]:
    value = entry.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        problems.append(source.problem((*place, key), "not-words", f"'{key}' is to be a list of words"))
        return ()
    return tuple(value)


def _member(
    source: YamlSource,
    place: Place,
    entry: dict[str, Any],
    groups: Mapping[str, AbstractSet[str]],
    regions: AbstractSet[str],
    problems: list[Problem],
    code: str,
    matched_by: str,
) -> Member:
    """The member an entry stands for; its code is the entry's id, or the drug's name."""
    name, group, region = (str(entry.get(key) or "") for key in ("value_set", "group", "region"))
    known = groups.get(name)
    if known is None:
        problems.append(source.problem((*place, "value_set"), "unknown-value-set", f"there is no value set '{name}'"))
    elif group not in known and (group or known):
        words = f"'{name}' has no group '{group}'; known: {', '.join(sorted(known))}"
        problems.append(source.problem((*place, "group"), "unknown-group", words))
    if region and region not in regions:
        problems.append(source.problem((*place, "region"), "unknown-region", f"unknown region '{region}'"))
    if matched_by == "text" and not code:
        problems.append(source.problem(place, "no-id", "a phrase needs an id"))
    needs = entry.get("needs_cancer", False) is True
    if matched_by == "ingredient":
        return Member(name, group, code, "", code, region or None, needs, "ingredient")
    return Member(name, group, code, "", code.replace("-", " "), region or None, needs, "text")


def _note_examples(
    source: YamlSource,
    place: Place,
    entry: dict[str, Any],
    member: Member,
    examples: list[tuple[Place, str, Member | None, tuple[str, str]]],
    problems: list[Problem],
) -> None:
    """Remember what an entry promises to match and not to match; an entry without an example is a problem."""
    example = entry.get("example")
    if not isinstance(example, str) or not example:
        problems.append(source.problem((*place, "example"), "no-example", "an example that matches is needed"))
    else:
        examples.append(((*place, "example"), example, member, (member.value_set, member.group)))
    for index, text in enumerate(entry.get("never") or ()):
        examples.append(((*place, "never", index), str(text), None, (member.value_set, member.group)))


def _failing_examples(
    source: YamlSource, made: OrderPhrases, examples: Iterable[tuple[Place, str, Member | None, tuple[str, str]]]
) -> list[Problem]:
    """A problem for each example that does not match its own entry, and for each counter-example that does."""
    problems = []
    for place, text, member, which in examples:
        found = any((one.value_set, one.group) == which for one in made.find(text))
        if found != (member is not None):
            says = "is not matched by this entry" if member else "must not match, and does"
            problems.append(source.problem(place, "example", f"'{text}' {says}"))
    return problems


def _words(source: YamlSource, key: str, around: str, problems: list[Problem]) -> re.Pattern[str] | None:
    """A list of words as one pattern, `*` for any ending; None where the list is empty."""
    listed = source.value.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip() for one in listed):
        problems.append(source.problem((key,), "not-words", f"'{key}' is to be a list of words"))
        return None
    if not listed:
        return None
    choices = "|".join(re.escape(one.lower()).replace(r"\*", r"[\w-]*").replace(r"\ ", r"\W+") for one in listed)
    return re.compile(around.format(choices))
