"""Strict YAML with positions: every mistake of a file is found in one pass and named at its line and column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from cds_service.errors import Problem

C = TypeVar("C", bound=str)

_DEEPEST = 6
_PREFIX = "tag:yaml.org,2002:"


class Mapped(dict[str, Any]):
    """One mapping that knows where it stands, and where its keys and values do, all counted from 0."""

    __slots__ = ("keys_at", "stands", "values_at")

    def __init__(self, stands: tuple[int, int]) -> None:
        """An empty mapping at this place."""
        super().__init__()
        self.stands = stands
        self.keys_at: dict[str, tuple[int, int]] = {}
        self.values_at: dict[str, tuple[int, int]] = {}


@dataclass(frozen=True, slots=True)
class Node:
    """One mapping of a file, and where mistakes about it are written down."""

    file: str
    value: Mapped
    problems: list[Problem]

    def at(self, key: str) -> "Place":
        """The place of one key's value (of the mapping itself where the key is missing)."""
        return self._place(self.value.values_at.get(key, self.value.stands))

    def _place(self, stands: tuple[int, int]) -> "Place":
        return Place(self.file, stands[0] + 1, stands[1] + 1, self.problems)

    def keys(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Refuse unknown keys, naming the nearest right one, and ask for the missing ones."""
        allowed = (*required, *optional)
        for key in self.value:
            if key not in allowed:
                place = self._place(self.value.keys_at[key])
                place.wrong("unknown-key", f"unknown key '{key}'{nearest(key, allowed)}")
        for key in required:
            if key not in self.value:
                self.at(key).wrong("missing-key", f"key '{key}' is missing")

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return key in self.value

    def text(self, key: str) -> str:
        """A string; "" where the key is absent or, after a problem, not a string."""
        value = self.value.get(key, "")
        if not isinstance(value, str):
            self.at(key).wrong("not-text", f"'{key}' must be text: put it in quotes")
            return ""
        if key in self.value and not value.strip():
            self.at(key).wrong("empty", f"'{key}' is empty")
        return str(value)

    def flag(self, key: str) -> bool:
        """true or false; false where absent."""
        value = self.value.get(key, False)
        if not isinstance(value, bool):
            self.at(key).wrong("not-true-or-false", f"'{key}' must be true or false")
            return False
        return value

    def number(self, key: str) -> int:
        """A whole number of at least 1; 0 where absent."""
        value = self.value.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or (key in self.value and value < 1):
            self.at(key).wrong("not-a-number", f"'{key}' must be a whole number of at least 1")
            return 0
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty where absent."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word.strip() for word in value):
            self.at(key).wrong("not-a-list-of-text", f"'{key}' must be a list of non-empty texts")
            return ()
        return tuple(str(word) for word in value)

    def choice(self, key: str, allowed: Sequence[C]) -> C | None:
        """One of a closed list; None where absent."""
        value = self.value.get(key)
        if value is None:
            return None
        for one in allowed:
            if value == one:
                return one
        self.at(key).wrong(
            "unknown-word", f"'{value}' is not allowed for '{key}'{nearest(str(value), allowed)}: {' | '.join(allowed)}"
        )
        return None

    def items(self, key: str) -> Iterator["Node"]:
        """The mappings of a list."""
        value = self.value.get(key, [])
        if not isinstance(value, list) or not value:
            self.at(key).wrong("not-a-list", f"'{key}' must be a list with at least one entry")
            return
        for number, item in enumerate(value, start=1):
            if isinstance(item, Mapped):
                yield Node(self.file, item, self.problems)
            else:
                self.at(key).wrong("not-a-mapping", f"entry {number} of '{key}' must be a mapping")


@dataclass(frozen=True, slots=True)
class Place:
    """A line and column where something can be wrong."""

    file: str
    line: int
    column: int
    problems: list[Problem]

    def wrong(self, code: str, message: str) -> None:
        """Write one problem down and go on: all of them are shown at once."""
        self.problems.append(Problem(self.file, self.line, self.column, code, message))


def nearest(word: str, allowed: Sequence[str]) -> str:
    """`; did you mean 'x'?`, or nothing when no allowed word is near."""
    close = get_close_matches(word, allowed, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def read_yaml(path: Path, raw: bytes, problems: list[Problem]) -> Node | None:
    """The mapping at the top of one YAML 1.2 file, or None after writing down why it cannot be read."""
    file = path.name
    try:
        root = YAML(typ="safe").compose(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        problems.append(Problem(file, 1, 1, "not-utf8", f"byte {error.start} is not UTF-8"))
        return None
    except (MarkedYAMLError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        said = str(getattr(error, "problem", None) or "not YAML")
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append(Problem(file, line, column, "not-yaml", said))
        return None
    if not isinstance(root, MappingNode):
        problems.append(Problem(file, 1, 1, "not-a-mapping", "the file must be a mapping at its top"))
        return None
    count = len(problems)
    value = _plain(root, 0, file, problems)
    return Node(file, value, problems) if len(problems) == count and isinstance(value, Mapped) else None


def _plain(node: Any, depth: int, file: str, problems: list[Problem]) -> Any:
    """What a composed node means: mappings as Mapped, lists, plain scalars; anything else as (tag, text)."""
    if isinstance(node, ScalarNode):
        return _scalar(str(node.tag).removeprefix(_PREFIX), str(node.value))
    mark = node.start_mark
    if depth > _DEEPEST:  # an alias inside its own anchor has no end
        problems.append(
            Problem(file, mark.line + 1, mark.column + 1, "too-deep", "values stand too deep in each other")
        )
        return None
    if isinstance(node, SequenceNode):
        return [_plain(item, depth + 1, file, problems) for item in node.value]
    mapped = Mapped((mark.line, mark.column))
    for key, value in node.value:
        name = str(key.value)
        place = (key.start_mark.line, key.start_mark.column)
        if name in mapped:
            problems.append(Problem(file, place[0] + 1, place[1] + 1, "duplicate-key", f"'{name}' stands twice"))
        mapped.keys_at[name] = place
        mapped.values_at[name] = (value.start_mark.line, value.start_mark.column)
        mapped[name] = _plain(value, depth + 1, file, problems)
    return mapped


def _scalar(tag: str, text: str) -> Any:
    if tag == "str":
        return text
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int" and text.lstrip("+-").isdecimal():
        return int(text)
    return tag, text
