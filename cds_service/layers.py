"""Content in layers, such as base, site, department: a file of a later layer takes the place of one before it."""

from collections.abc import Sequence
from pathlib import Path

Folders = Path | Sequence[Path]  # one folder, or the same folder of each layer, the base first


def layered(folders: Folders, pattern: str) -> list[Path]:
    """The files that hold, in the order of their paths below the folder; `pattern` as of `Path.rglob`, such as *.yaml.

    A layer need not have the folder.
    """
    found: dict[str, Path] = {}
    for folder in (folders,) if isinstance(folders, Path) else folders:
        for path in folder.rglob(pattern):
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return [found[name] for name in sorted(found)]


def topmost(layers: Sequence[Path], name: str) -> Path:
    """The file of that name in the last layer that has it, else where the base layer would have it."""
    return next((layer / name for layer in reversed(layers) if (layer / name).exists()), layers[0] / name)
