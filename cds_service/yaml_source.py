"""The one reader of content files: strict YAML 1.2 as a tree in which every value keeps its line and column.

The node graph is composed, never constructed: so every duplicate key is found and not just the first, nothing in a
content file can build an object, and `no` is the word that a person wrote. A number with a leading zero stays the text
that was written, so that no code loses a digit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from cds_service.errors import ContentError, Problem

At = tuple[int, int] | tuple[int, int, str]  # line, column, and the file where it is not the one being checked
Place = tuple[str | int, ...]  # keys and list numbers from the top
_DEEPEST = 20
_INT, _FLOAT, _BOOL, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))


@dataclass(frozen=True, slots=True)
class Node:
    """One YAML value where it stands; `value` holds Nodes for mappings and lists, plain scalars otherwise."""

    value: Any
    line: int
    column: int
    keys: dict[str, At] = field(default_factory=dict)  # of a mapping: where each key stands
    file: str = ""  # where it is not the one being checked

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(slots=True)
class Sheet:
    """One content file being checked, and everything found wrong with it."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, at: Node | At, code: str, message: str, severity: str = "error") -> None:
        """Note one problem at a place; checking goes on, so that all are seen at once."""
        line, column, file = (*at, "")[:3] if isinstance(at, tuple) else (at.line, at.column, at.file)
        self.problems.append(Problem(file or self.file, line, column, code, message, severity))


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One content file as plain values, and where each of them stands."""

    file: str
    value: Any
    root: Node | None

    def problem(self, place: Place, code: str, message: str) -> Problem:
        """A problem at the value of `place`, or at the nearest value around it."""
        node = self.root
        for step in place:
            inside = node.value if node is not None else None
            if isinstance(inside, dict) and step in inside:
                node = inside[str(step)]
            elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
                node = inside[step]
            else:
                break
        line, column = (node.line, node.column) if node is not None else (1, 1)
        return Problem(self.file, line, column, code, message)

    def unknown_keys(self, place: Place, value: Any, allowed: frozenset[str]) -> list[Problem]:
        """A problem for each key of a mapping that nobody reads, or for a value that is no mapping."""
        if not isinstance(value, dict):
            return [self.problem(place, "not-a-mapping", f"expected keys {', '.join(sorted(allowed))}")]
        return [
            self.problem((*place, key), "unknown-key", f"unknown key '{key}'; known: {', '.join(sorted(allowed))}")
            for key in value
            if key not in allowed
        ]


def nearest(word: object, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest allowed word, or nothing when none is near."""
    close = get_close_matches(str(word), sorted(allowed), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def read_yaml(path: Path, sheet: Sheet, without: str = "") -> Node | None:
    """The file as a tree, or None with the reason noted on the sheet.

    `without` names a top-level list to be taken as empty: a service that starts has no use for the inline tests, and
    parsing them is most of the cost.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sheet.wrong((1, 1), "unreadable", f"the file cannot be read: {type(error).__name__}")
        return None
    return parse_yaml(_emptied(text, without) if without else text, sheet)


def read_plain(path: Path) -> YamlSource:
    """The file as plain values; raises ContentError with every duplicate key, or with where it stops being YAML."""
    sheet = Sheet(path.name)
    node = read_yaml(path, sheet)
    if node is None or sheet.problems:
        raise ContentError(tuple(sheet.problems))
    return YamlSource(path.name, node.plain(), node)


def _emptied(text: str, key: str) -> str:
    """The text with one top-level list made empty and every other line where it was."""
    start = re.compile(rf"^{re.escape(key)}:[ \t]*$", re.MULTILINE).search(text)
    if start is None:
        return text
    following = re.compile(r"^[^\s#]", re.MULTILINE).search(text, start.end())
    end = following.start() if following else len(text)
    return text[: start.start()] + f"{key}: []" + "\n" * text.count("\n", start.start(), end) + text[end:]


def parse_yaml(text: str, sheet: Sheet) -> Node | None:
    """As `read_yaml`, from text."""
    node, problems = _parsed(text)
    for place, code, message in problems:
        sheet.wrong(place, code, message)
    return node


@lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[Node | None, tuple[tuple[tuple[int, int], str, str], ...]]:
    """The tree, and what is wrong with it as (place, code, message); content reads some files more than once."""
    sheet = Sheet("")
    node = _composed(text, sheet)
    return node, tuple(((p.line, p.column), p.code, p.message) for p in sheet.problems)


def _composed(text: str, sheet: Sheet) -> Node | None:
    try:
        root = YAML(typ="safe").compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        sheet.wrong(place, "not-yaml", str(error.problem or "this is not YAML"))
        return None
    except YAMLError:
        sheet.wrong((1, 1), "not-yaml", "this is not YAML")
        return None
    if root is None:
        sheet.wrong((1, 1), "not-yaml", "the file is empty")
        return None
    return _tree(root, sheet)


def _tree(node: Any, sheet: Sheet, depth: int = 0) -> Node:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if depth > _DEEPEST:  # an alias inside its own anchor has no end
        sheet.wrong((line, column), "too-deep", f"values stand inside each other more than {_DEEPEST} deep")
        return Node(None, line, column)
    if isinstance(node, ScalarNode):
        return Node(_scalar(node), line, column)
    if isinstance(node, SequenceNode):
        return Node([_tree(item, sheet, depth + 1) for item in node.value], line, column)
    assert isinstance(node, MappingNode)  # noqa: S101  compose() makes no fourth kind; this tells mypy
    value: dict[str, Node] = {}
    keys: dict[str, At] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if key in value:
            sheet.wrong(place, "duplicate-key", f"'{key}' is given twice; first on line {keys[key][0]}")
            continue
        keys[key] = place
        value[key] = _tree(value_node, sheet, depth + 1)
    return Node(value, line, column, keys)


def _scalar(node: ScalarNode) -> Any:
    """YAML 1.2 core scalars; a date stays the text that was written."""
    text = str(node.value)
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL:
        return text.lower() == "true"
    if node.tag == _INT:
        return int(text.replace("_", ""), 0) if not text.lstrip("+-").startswith("0") or text == "0" else text
    if node.tag == _FLOAT:
        try:
            return float(text)
        except ValueError:
            return text
    return text
