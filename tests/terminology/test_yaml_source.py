"""Strict YAML: what is read is what was written, and a mistake is named by its line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import ContentError
from cds_service.yaml_source import read_plain


def write(folder: Path, text: str) -> Path:
    """A file of that text."""
    path = folder / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_stay_words(tmp_path: Path) -> None:
    """YAML 1.2: `no` and `on` are words; a number that starts with 0 loses none of its digits."""
    source = read_plain(write(tmp_path, "{a: no, b: on, c: true, d: 012, e: null, f: 1.10, g: 0x10, h: [-3]}"))
    want = {"a": "no", "b": "on", "c": True, "d": "012", "e": None, "f": 1.1, "g": "0x10", "h": [-3]}
    assert source.value == want


def test_places(tmp_path: Path) -> None:
    """Every value knows its line; a place inside a missing value is the nearest value around it."""
    source = read_plain(write(tmp_path, "a:\n  - b: 1\n    c: 2\n"))
    assert str(source.problem(("a", 0, "c"), "x", "wrong")) == "some.yaml:3:8: error[x]: wrong"
    assert source.problem(("a", 0, "d"), "x", "wrong").line == 2


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: 1\nb: 2\na: 3\nb: 4\n", "duplicate-key", 3),
        ("a: [1\nb: 2\n", "not-yaml", 2),
        ("a: &x [*x]\n", "too-deep", 1),
        ("a: 1\n---\nb: 2\n", "not-yaml", 2),
    ],
)
def test_mistakes(tmp_path: Path, text: str, code: str, line: int) -> None:
    """Duplicate keys (each of them), broken YAML, a second document and endless aliases are refused."""
    with pytest.raises(ContentError) as caught:
        read_plain(write(tmp_path, text))
    assert (caught.value.problems[0].code, caught.value.problems[0].line) == (code, line)
    assert len(caught.value.problems) == text.count("b: 4") + 1


def test_unreadable(tmp_path: Path) -> None:
    """A missing file, and one that is not UTF-8, are refused by name."""
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff\n")
    for name in ("missing.yaml", "latin.yaml"):
        with pytest.raises(ContentError, match=name):
            read_plain(tmp_path / name)


@settings(deadline=None)
@given(text=st.text(alphabet=st.sampled_from(list("ab:-[]{},&*!|>'\"#?\n 01.")), max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No text does anything but give plain values or a ContentError."""
    try:
        value = read_plain(write(tmp_path_factory.getbasetemp(), text)).value
    except ContentError:
        return
    assert value is None or isinstance(value, str | int | float | bool | list | dict)
