"""Everything that clinicians and informatics own, loaded once: rules, lexicon, value sets, routing, card words.

Content ships inside the wheel and may be replaced as a whole by a directory of the site's own, holding `cards/` and
`fhir_profiles/` as this project does (`SECOND_READ_CONTENT_DIR`).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from cds_service.cards import Evidence, Words
from cds_service.content.files import (
    read_client,
    read_complete_studies,
    read_override_reasons,
    read_services,
    read_site,
)
from cds_service.errors import ContentError, Problem
from cds_service.reading import Lexicon, load_lexicon
from cds_service.routing import Routing, load_routing
from cds_service.rules import Names, RuleSet, load_rules, read_evidence
from cds_service.site import Site
from cds_service.terminology import ValueSets, load_value_sets
from cds_service.yaml_source import Sheet

__all__ = ["Content", "content_folder", "load_content"]

T = TypeVar("T")
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Content:
    """One consistent set of content; `digest` names it, and the ruleset's own digest is stamped on every decision."""

    folder: Path
    services: tuple[dict[str, Any], ...]
    rules: RuleSet
    lexicon: Lexicon
    value_sets: ValueSets
    routing: Routing
    site: Site
    words: Words
    prefetch: Mapping[str, str]
    digest: str


def content_folder() -> Path:
    """Where content stands: inside the installed package, or the checkout's top level."""
    packed = _PACKAGE / "content_files"
    return packed if packed.is_dir() else _PACKAGE.parent


def load_content(
    folder: Path | None = None,
    rules_mode: Literal["as-files", "silent"] = "as-files",
    *,
    site_file: Path | None = None,
    local_codes: Path | None = None,
) -> Content:
    """Load everything, or raise `ContentError` with every problem of every file at once.

    `rules_mode` silent turns active rules silent, as a new production installation starts.
    """
    folder = folder or content_folder()
    cards, profiles = folder / "cards", folder / "fhir_profiles"
    problems: list[Problem] = []
    for needed in (cards, profiles / "valuesets"):
        if not needed.is_dir():
            problems.append(Problem(str(needed), 1, 1, "missing-folder", "content needs this folder"))
    if problems:
        raise ContentError(tuple(problems))
    value_sets = _or_note(problems, lambda: load_value_sets(profiles / "valuesets", local_codes))
    lexicon = _or_note(problems, lambda: load_lexicon(cards / "lexicon"))
    routing = _or_note(problems, lambda: load_routing(cards / "routing.yaml"))
    subspecialties = routing.ids if routing else frozenset()
    services = _checked(problems, cards / "services.yaml", read_services)
    reasons = _checked(problems, cards / "override-reasons.yaml", read_override_reasons)
    site_file = site_file or cards / "site.yaml"
    site = _checked(problems, site_file, lambda path, sheet: read_site(path, sheet, subspecialties))
    offered = _checked(problems, cards / "complete-studies.yaml", read_complete_studies)
    clients = [_checked(problems, path, read_client) for path in sorted((cards / "clients").glob("*.yaml"))]
    rules = None
    if value_sets and lexicon and routing:
        names = Names(
            value_sets={name: value_sets.groups(name) for name in value_sets.names},
            concepts=lexicon.concepts,
            subspecialties=subspecialties,
            override_reasons=frozenset(reasons),
        )
        rules = _or_note(problems, lambda: load_rules(cards / "rules", names))
    if problems or value_sets is None or lexicon is None or routing is None or rules is None:
        raise ContentError(tuple(problems))
    if rules_mode == "silent":
        rules = rules.silenced()
    studies, _ = read_evidence(cards / "evidence.yaml")  # its problems came with the rules'
    safe = {id: study for id, study in studies.items() if study.card_safe and study.card}
    cited = {id: Evidence(id, study.card, study.fits) for id, study in safe.items()}
    words = Words(site, routing, cited, reasons, {client.name: client for client in clients if client}, offered)
    return Content(
        folder=folder,
        services=services,
        rules=rules,
        lexicon=lexicon,
        value_sets=value_sets,
        routing=routing,
        site=site,
        words=words,
        prefetch=services[0]["prefetch"] if services else {},
        digest=digest_of(folder),
    )


def _or_note(problems: list[Problem], load: Callable[[], T]) -> T | None:
    """What `load` brings, or None with its problems noted: one broken file does not hide the next."""
    try:
        return load()
    except ContentError as error:
        problems.extend(error.problems)
        return None


def _checked(problems: list[Problem], path: Path, read: Callable[[Path, Sheet], T]) -> T:
    sheet = Sheet(str(path))
    found = read(path, sheet)
    problems.extend(p for p in sheet.problems if p.severity == "error")
    return found


def digest_of(folder: Path) -> str:
    """A digest of every content file, in the order of their names."""
    seen = hashlib.sha256()
    for path in sorted(p for part in ("cards", "fhir_profiles/valuesets") for p in (folder / part).rglob("*")):
        if path.is_file() and path.suffix in (".yaml", ".json"):
            seen.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return seen.hexdigest()[:16]
