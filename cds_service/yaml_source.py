"""Strict YAML 1.2 whose every value knows its line: duplicate keys refused, nothing constructed but plain values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cds_service.errors import ContentError, Problem

Place = tuple[str | int, ...]
_DEEPEST = 20
_PREFIX = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One content file as plain values, and where each of them stands."""

    file: str
    value: Any
    places: dict[Place, tuple[int, int]]

    def problem(self, place: Place, code: str, message: str) -> Problem:
        """A problem at the value of `place`, or at the nearest value around it."""
        while place and place not in self.places:
            place = place[:-1]
        line, column = self.places.get(place, (1, 1))
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


def read_yaml(path: Path) -> YamlSource:
    """The file, or ContentError with every duplicate key, or with the place where it stops being YAML."""
    try:
        root = YAML(typ="safe").compose(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ContentError((Problem(path.name, line, column, "not-yaml", str(error.problem)),)) from error
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise ContentError((Problem(path.name, 1, 1, "unreadable", f"cannot be read: {error}"),)) from error
    problems: list[Problem] = []
    places: dict[Place, tuple[int, int]] = {}
    value = _plain(root, (), places, problems, path.name) if root is not None else None
    if problems:
        raise ContentError(tuple(problems))
    return YamlSource(path.name, value, places)


def _plain(node: Node, at: Place, places: dict[Place, tuple[int, int]], problems: list[Problem], file: str) -> Any:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if len(at) > _DEEPEST:  # an alias inside its own anchor has no end
        problems.append(
            Problem(file, line, column, "too-deep", f"values stand inside each other more than {_DEEPEST} deep")
        )
        return None
    places[at] = (line, column)
    if isinstance(node, MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in mapping:
                mark = key.start_mark
                problems.append(
                    Problem(file, mark.line + 1, mark.column + 1, "duplicate-key", f"'{name}' stands twice")
                )
            mapping[name] = _plain(value, (*at, name), places, problems, file)
        return mapping
    if isinstance(node, SequenceNode):
        return [_plain(item, (*at, index), places, problems, file) for index, item in enumerate(node.value)]
    assert isinstance(node, ScalarNode)  # noqa: S101 - YAML has no fourth kind of node
    return _scalar(str(node.tag).removeprefix(_PREFIX), str(node.value))


def _scalar(tag: str, text: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        digits = text.lstrip("+-")
        return int(text) if digits.isdecimal() else int(text, 0)  # 012 is twelve in YAML 1.2
    return text
