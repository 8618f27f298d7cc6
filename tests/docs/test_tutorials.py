"""The tutorials, followed to the end as a newcomer would: each command run, each edit made, each output compared."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = ("first-rule", "change-a-threshold")
BLOCK = re.compile(r"^```(console|edit [^\n]+)\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty place with a copy of the content, and the program on the path."""
    for name in ("cards", "fhir_profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_newcomer_can_follow_the_page_to_its_end(name: str, desk: Path) -> None:
    """Commands, edits and outputs in the order of the page."""
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert len(blocks) > 10
    for kind, text in blocks:
        if kind == "console":
            for command, expected in steps(text):
                shown(command, expected, run(command, desk))
        else:
            edit(desk / kind.removeprefix("edit "), text)


def steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, lines of its output) for each `$ command` of a block."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        yield command, lines


def run(command: str, desk: Path) -> list[str]:
    """What a terminal of 80 columns shows."""
    environ = os.environ | {"COLUMNS": "80", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-c", command], cwd=desk, env=environ, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in ran.stderr, ran.stderr
    return [line.rstrip() for line in (ran.stdout + ran.stderr).splitlines()]


def shown(command: str, expected: list[str], output: list[str]) -> None:
    """Every line of the page stands in the output, in its order; `…` stands for anything."""
    place, skipping = 0, False
    for line in expected:
        if line == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        found = next((n for n in range(place, len(output)) if pattern.fullmatch(output[n])), None)
        told = f"$ {command}\n" + "\n".join(output)
        assert found is not None, f"no line {line!r} in\n{told}"
        assert skipping or found == place, f"before {line!r} the page shows nothing, and there is\n{told}"
        place, skipping = found + 1, False
    assert skipping or place == len(output), f"the page ends here:\n$ {command}\n" + "\n".join(output)


def edit(path: Path, text: str) -> None:
    """Lines with - become the lines with +; they must stand in the file, once."""
    old = "".join(line[2:] + "\n" for line in text.splitlines() if line.startswith("- "))
    new = "".join((line[2:]) + "\n" for line in text.splitlines() if line.startswith("+"))
    before = path.read_text(encoding="utf-8")
    assert before.count(old) == 1, f"{path.name} holds {before.count(old)} times:\n{old}"
    path.write_text(before.replace(old, new), encoding="utf-8")


def test_the_comparison_is_strict() -> None:
    """A line that is missing, changed or added where the page has no `…` fails."""
    shown("x", ["a", "…", "d: …e"], ["a", "b", "c", "d: 1 e"])
    for expected, output in ((["a"], ["b"]), (["a"], ["a", "b"]), (["a", "c"], ["a", "b", "c"]), (["a", "b"], ["a"])):
        with pytest.raises(AssertionError):
            shown("x", expected, output)
