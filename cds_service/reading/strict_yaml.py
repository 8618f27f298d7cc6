"""Strict YAML with positions: every mistake of a file is found in one pass and named at its line and column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from cds_service.errors import Problem

C = TypeVar("C", bound=str)


@dataclass(frozen=True, slots=True)
class Node:
    """One mapping of a file, and where mistakes about it are written down."""

    file: str
    value: Mapping[str, Any]
    problems: list[Problem]

    def at(self, key: str) -> "Place":
        """The place of one key's value (of the mapping itself where the key is missing)."""
        lc = getattr(self.value, "lc", None)
        line, column = (0, 0) if lc is None else (lc.line, lc.col)
        if lc is not None and key in self.value:
            line, column = lc.value(key)
        return Place(self.file, line + 1, column + 1, self.problems)

    def keys(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Refuse unknown keys, naming the nearest right one, and ask for the missing ones."""
        allowed = (*required, *optional)
        for key in self.value:
            if key not in allowed:
                lc = getattr(self.value, "lc", None)
                line, column = lc.key(key) if lc is not None else (0, 0)
                place = Place(self.file, line + 1, column + 1, self.problems)
                place.wrong("unknown-key", f"unknown key '{key}'{nearest(str(key), allowed)}")
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
            if isinstance(item, Mapping):
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
        value = YAML(typ="rt").load(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        problems.append(Problem(file, 1, 1, "not-utf8", f"byte {error.start} is not UTF-8"))
        return None
    except (MarkedYAMLError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        code = "duplicate-key" if isinstance(error, DuplicateKeyError) else "not-yaml"
        said = str(getattr(error, "problem", None) or "not YAML")
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append(Problem(file, line, column, code, said))
        return None
    if not isinstance(value, Mapping):
        problems.append(Problem(file, 1, 1, "not-a-mapping", "the file must be a mapping at its top"))
        return None
    return Node(file, value, problems)
