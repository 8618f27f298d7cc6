"""What stands below the codes that a value set marks `subsumes`, as a terminology server once said, kept in a file.

The file is made of answers that were checked when they came; it is read at load and never during a call. Without it a
marked code matches exactly.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import orjson

from cds_service.model import Member
from cds_service.terminology.index import Codes, canonical_code, canonical_system

Key = tuple[str, str]  # code system, code


@dataclass(frozen=True, slots=True)
class Below:
    """All that one answer said of one code: the codes below it with their displays, never itself."""

    codes: tuple[tuple[str, str], ...]  # (code, display), in order of the codes
    asked: date
    version: str = ""  # of the code system, where the server named it


@dataclass(frozen=True, slots=True)
class Descendants:
    """The answers of one server, by the code that was asked about."""

    server: str
    of: Mapping[Key, Below]

    @property
    def digest(self) -> str:
        """Names the codes, whenever and wherever they were asked: the same codes are the same content."""
        told = sorted((*key, [code for code, _ in below.codes]) for key, below in self.of.items())
        return hashlib.sha256(orjson.dumps(told)).hexdigest()[:16]

    @property
    def count(self) -> int:
        """How many codes there are in all; one that stands below several counts once."""
        return len({(system, code) for (system, _), below in self.of.items() for code, _ in below.codes})

    def only(self, keys: Iterable[Key]) -> "Descendants":
        """The answers about these codes."""
        return replace(self, of={key: self.of[key] for key in sorted(set(keys)) if key in self.of})


def asked_digest(server: str, keys: Iterable[Key]) -> str:
    """Names what is asked, and of whom; an answer kept under another name is an answer to something else."""
    return hashlib.sha256(orjson.dumps([server, sorted(set(keys))])).hexdigest()[:32]


def read_descendants(path: Path) -> tuple[str, Descendants]:
    """What a file keeps, and the name of what was asked.

    Raises OSError where it cannot be read, ValueError where it is not what `write_descendants` writes.
    """
    try:
        kept = orjson.loads(path.read_bytes())
        of = {
            (str(each["system"]), str(each["code"])): Below(
                tuple((str(code), str(display)) for code, display in each["below"]),
                date.fromisoformat(each["asked"]),
                str(each["version"]),
            )
            for each in kept["answers"]
        }
        return str(kept["asked"]), Descendants(str(kept["server"]), of)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a file of descendants: {type(error).__name__}") from None


def write_descendants(path: Path, asked: str, kept: Descendants) -> None:
    """Replace the file in one step: whoever reads it sees the old answers or the new ones. Raises OSError."""
    answers = [
        {"system": system, "code": code, "asked": below.asked.isoformat(), "version": below.version,
         "below": below.codes}
        for (system, code), below in sorted(kept.of.items())
    ]  # fmt: skip
    made = {"asked": asked, "server": kept.server, "answers": answers}
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    try:
        os.chmod(file.name, 0o644)  # codes are no secret, and another account may run the service
        os.replace(file.name, path)
    except OSError:
        os.unlink(file.name)
        raise


def below_listed(codes: Codes, roots: Iterable[Member], known: Descendants) -> dict[Key, tuple[Member, Member]]:
    """Index the codes below `roots`, each as an exact code of its root's group; (root, member) by what was added.

    A code that the value set lists itself stays as listed. Below two marked codes, the closer one counts: what stands
    below it is less than what stands below the other.
    """

    def below(root: Member) -> tuple[tuple[str, str], ...]:
        system = canonical_system(root.system)
        found = known.of.get((system, canonical_code(system, root.code)))
        return found.codes if found else ()

    added: dict[Key, tuple[Member, Member]] = {}
    for root in sorted(roots, key=lambda each: (-len(below(each)), each.code)):
        system = canonical_system(root.system)
        for code, display in below(root):
            key = (system, canonical_code(system, code))
            if key not in codes.exact:
                added[key] = (root, replace(root, code=code, display=display, ancestor=root.code))
    codes.exact.update((key, member) for key, (_, member) in added.items())
    return added
