"""One mapping of a lexicon file, asked for its fields by name and shape; what is wrong goes to the file's sheet."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from cds_service.yaml_source import Node, Sheet, nearest

C = TypeVar("C", bound=str)


class Entry:
    """Fields of one mapping: each accessor answers with an empty value where the field is absent or wrong."""

    __slots__ = ("_fields", "_node", "sheet")

    def __init__(self, node: Node, sheet: Sheet) -> None:
        """A node whose value is a mapping, and where mistakes about it are written down."""
        self._node = node
        self._fields: dict[str, Node] = node.value
        self.sheet = sheet

    def at(self, key: str) -> Node:
        """Where the value of a key stands (the mapping itself where the key is missing)."""
        return self._fields.get(key, self._node)

    def wrong(self, key: str, code: str, message: str, severity: str = "error") -> None:
        """Write one problem down at the value of a key and go on: all of them are shown at once."""
        self.sheet.wrong(self.at(key), code, message, severity)

    def keys(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Refuse unknown keys, naming the nearest right one, and ask for the missing ones."""
        allowed = (*required, *optional)
        for key in self._fields:
            if key not in allowed:
                self.sheet.wrong(self._node.keys[key], "unknown-key", f"unknown key '{key}'{nearest(key, allowed)}")
        for key in required:
            if key not in self._fields:
                self.wrong(key, "missing-key", f"key '{key}' is missing")

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return key in self._fields

    def text(self, key: str) -> str:
        """A string; "" where the key is absent or, after a problem, not a string."""
        value = self._plain(key, "")
        if not isinstance(value, str):
            self.wrong(key, "not-text", f"'{key}' must be text: put it in quotes")
            return ""
        if self.has(key) and not value.strip():
            self.wrong(key, "empty", f"'{key}' is empty")
        return value

    def flag(self, key: str) -> bool:
        """true or false; false where absent."""
        value = self._plain(key, False)
        if not isinstance(value, bool):
            self.wrong(key, "not-true-or-false", f"'{key}' must be true or false")
            return False
        return value

    def number(self, key: str) -> int:
        """A whole number of at least 1; 0 where absent."""
        value = self._plain(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or (self.has(key) and value < 1):
            self.wrong(key, "not-a-number", f"'{key}' must be a whole number of at least 1")
            return 0
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty where absent."""
        value = self._plain(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word.strip() for word in value):
            self.wrong(key, "not-a-list-of-text", f"'{key}' must be a list of non-empty texts")
            return ()
        return tuple(value)

    def choice(self, key: str, allowed: Sequence[C]) -> C | None:
        """One of a closed list; None where absent."""
        value = self._plain(key, None)
        if value is None:
            return None
        for one in allowed:
            if value == one:
                return one
        named = f"'{value}' is not allowed for '{key}'{nearest(value, allowed)}: {' | '.join(allowed)}"
        self.wrong(key, "unknown-word", named)
        return None

    def entries(self, key: str) -> Iterator["Entry"]:
        """The mappings of a list."""
        value = self.at(key).value if self.has(key) else None
        if not isinstance(value, list) or not value:
            self.wrong(key, "not-a-list", f"'{key}' must be a list with at least one entry")
            return
        for number, item in enumerate(value, start=1):
            if isinstance(item.value, dict):
                yield Entry(item, self.sheet)
            else:
                self.sheet.wrong(item, "not-a-mapping", f"entry {number} of '{key}' must be a mapping")

    def _plain(self, key: str, absent: Any) -> Any:
        return self._fields[key].plain() if key in self._fields else absent
