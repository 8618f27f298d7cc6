"""Mutants: one small wrong change of a rule at a time, to see whether a test of the catalogue notices it.

Operators: drop a criterion, exclusion or condition of a warning; negate it; drop an alternative of `any_of`, one kind
of several, or a word or code group of a list; turn a flag; move a threshold by one, both ways; flip `if_unknown`; drop
`withhold_when`; take a global exclusion back in that a rule is exempt from; change whether a card may warn. A change
that the loader refuses is no mutant.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cds_service.rules.fields import Field
from cds_service.rules.kinds import KINDS
from cds_service.yaml_source import Node

LISTS = ("criteria", "exclusions", "warns_when", "disagrees_when", "explained_by")
_DROP = object()
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `id` names it so that a person finds it in the file and a survivor can be listed.

    `tree` is the changed file, or None where `line` is to be negated after compiling.
    """

    id: str
    line: str  # id of the rule line that it changes; "" for the rule as a whole
    at: int  # line number in the file
    how: Literal["tree", "negate"]
    tree: Node | None = None


def mutants_of(root: Node) -> Iterator[Mutant]:
    """Every mutant of a rule file's, or of the global exclusions', tree."""
    for name, item in root.value.get("parameters", Node({}, 0, 0)).value.items():
        value = item.value.get("value")
        if value is not None and isinstance(value.value, (int, float)):
            for step in (-1, 1):
                moved = Node(value.value + step, value.line, value.column)
                yield _changed(
                    root, f"${name}: {value.value} -> {moved.value}", "", ("parameters", name, "value"), moved
                )
    if isinstance(window := _plain(root, "window"), str) and not window.startswith("$"):
        for moved in _moved(root.value["window"]):
            yield _changed(root, f"window: {window} -> {moved.value}", "", ("window",), moved)
    turnaround = root.value["route"].value.get("turnaround") if "route" in root.value else None
    if turnaround is not None:
        for moved in _moved(turnaround):
            yield _changed(root, f"turnaround: {turnaround.value} -> {moved.value}", "", ("route", "turnaround"), moved)
    if "irreversible" in root.value and root.value.get("warns_when"):
        flag = root.value["irreversible"]
        turned = Node(not flag.value, flag.line, flag.column)
        yield _changed(root, f"irreversible: {str(turned.value).lower()}", "", ("irreversible",), turned)
    for place, item in enumerate(_items(root, "except_global")):
        yield _changed(
            root, f"except_global: without {_plain(item, 'id')}", str(_plain(item, "id")), ("except_global", place)
        )
    for name in LISTS:
        listed = _items(root, name)
        for place, line in enumerate(listed):
            yield from _of_line(root, name, place, line)


def _of_line(root: Node, name: str, place: int, line: Node) -> Iterator[Mutant]:
    id, path = str(_plain(line, "id")), (name, place)
    yield _changed(root, f"{name}.{id}: dropped", id, path)
    yield Mutant(f"{name}.{id}: negated", id, line.line, "negate")
    if (unknown := line.value.get("if_unknown")) is not None:
        other = "withhold" if unknown.value == "proceed" else "proceed"
        turned = Node(other, unknown.line, unknown.column)
        yield _changed(root, f"{name}.{id}: if_unknown: {other}", id, (*path, "if_unknown"), turned)
    if (withhold := line.value.get("withhold_when")) is not None:
        yield _changed(root, f"{name}.{id}: withhold_when dropped", id, (*path, "withhold_when"))
        yield from _of_kinds(root, f"{name}.{id}: withhold_when", id, (*path, "withhold_when"), withhold)
    yield from _of_kinds(root, f"{name}.{id}:", id, path, line)


def _of_kinds(root: Node, where: str, id: str, path: Path, node: Node) -> Iterator[Mutant]:
    kinds = [key for key in node.value if key in KINDS or key == "any_of"]
    for key in kinds:
        value = node.value[key]
        if len(kinds) > 1:
            yield _changed(root, f"{where} {key} dropped", id, (*path, key))
        if key == "any_of":
            for place, item in enumerate(value.value):
                here = f"{where} any_of[{place}]"
                if len(value.value) > 1:
                    yield _changed(root, f"{here} dropped", id, (*path, key, place))
                yield from _of_kinds(root, here, id, (*path, key, place), item)
        elif isinstance(value.value, dict):
            for name, given in value.value.items():
                of = KINDS[key].get(name)
                if of is not None:
                    yield from _of_field(root, f"{where} {key}.{name}", id, (*path, key, name), given, of)


def _of_field(root: Node, where: str, id: str, path: Path, given: Node, of: Field) -> Iterator[Mutant]:
    if of.shape == "flag":
        turned = Node(not given.value, given.line, given.column)
        yield _changed(root, f"{where}: {str(turned.value).lower()}", id, path, turned)
    elif of.shape in ("duration", "number"):
        for moved in _moved(given):
            yield _changed(root, f"{where}: {given.value} -> {moved.value}", id, path, moved)
    elif of.shape in ("choices", "words"):
        yield from _without_each(root, where, id, path, given)
    elif of.shape in ("members", "mapping") and isinstance(given.value, dict):
        for name, listed in given.value.items():
            if len(given.value) > 1:
                yield _changed(root, f"{where} without {name}", id, (*path, name))
            yield from _without_each(root, f"{where}.{name}", id, (*path, name), listed)


def _without_each(root: Node, where: str, id: str, path: Path, listed: Node) -> Iterator[Mutant]:
    if isinstance(listed.value, list) and len(listed.value) > 1:
        for place, item in enumerate(listed.value):
            yield _changed(root, f"{where} without {item.plain()!r}", id, (*path, place))


def _moved(node: Node) -> Iterator[Node]:
    """A literal threshold one less and one more, in its own unit; a `$name` moves with its parameter."""
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        number, unit = node.value, ""
    elif isinstance(node.value, str) and not node.value.startswith("$"):
        text, unit = node.value[:-1].strip(), node.value[-1]
        number = float(text) if "." in text else int(text)
    else:
        return
    for step in (-1, 1):
        moved = number + step
        yield Node(f"{moved} {unit}" if unit else moved, node.line, node.column)


def _changed(root: Node, id: str, line: str, path: Path, new: Node | object = _DROP) -> Mutant:
    return Mutant(id, line, at_line(root, path), "tree", with_change(root, path, None if new is _DROP else new))  # type: ignore[arg-type]  # _DROP is the only object that is no Node


def at_line(root: Node, path: Sequence[str | int]) -> int:
    """The line on which the value at a path stands."""
    for step in path:
        root = root.value[step]
    return root.line


def with_change(node: Node, path: Sequence[str | int], new: Node | None) -> Node:
    """The tree with the value at `path` replaced, or taken out where `new` is None; the original stays as it is."""
    step, rest = path[0], path[1:]
    given: Any = node.value
    value: Any = dict(given) if isinstance(given, Mapping) else list(given)
    if rest:
        value[step] = with_change(value[step], rest, new)
    elif new is None:
        del value[step]
    else:
        value[step] = new
    return Node(value, node.line, node.column, node.keys)


def _items(root: Node, name: str) -> list[Node]:
    found = root.value.get(name)
    return found.value if found is not None and isinstance(found.value, list) else []


def _plain(node: Node, name: str) -> Any:
    found = node.value.get(name)
    return None if found is None else found.value
