"""Everything that clinicians and informatics own, loaded once: rules, lexicon, value sets, routing, card words.

Content ships inside the wheel. A site replaces it as a whole by a directory of its own that holds `cards/` and
`fhir_profiles/` as this project does, or lays directories over it (`SECOND_READ_CONTENT_DIR`, base first).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from cds_service.layers import layered, topmost
from cds_service.model import EVERY_RULE
from cds_service.reading import Lexicon, load_lexicon
from cds_service.routing import Routing, load_routing
from cds_service.rules import Names, RuleSet, load_rules, read_evidence
from cds_service.rules.rule import Evidence as Study
from cds_service.site import Site
from cds_service.terminology import ValueSets, WhatIsBelow, load_value_sets
from cds_service.terminology.descendants import Descendants
from cds_service.yaml_source import Sheet, nearest

__all__ = ["Content", "content_folder", "load_content"]

T = TypeVar("T")
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Content:
    """One consistent set of content; `digest` names it, and the ruleset's own digest is stamped on every decision."""

    layers: tuple[Path, ...]  # the base first
    services: tuple[dict[str, Any], ...]
    rules: RuleSet
    lexicon: Lexicon
    value_sets: ValueSets
    routing: Routing
    site: Site
    words: Words
    prefetch: Mapping[str, str]
    evidence: Mapping[str, Study]  # every study that rules may cite, those that no card may show too
    digest: str
    snomed: bool = True  # whether the code lists of SNOMED CT were loaded

    @property
    def wants_raw(self) -> bool:
        """A rule asks of resources as they were received."""
        return self.rules.wants_raw

    @property
    def folder(self) -> Path:
        """The topmost layer: where what is written for this content belongs."""
        return self.layers[-1]

    def file(self, name: str) -> Path:
        """The file of that name, such as `cards/exclusions.yaml`, of the last layer that has it."""
        return topmost(self.layers, name)

    def files(self, folder: str, pattern: str) -> list[Path]:
        """The files of a folder such as `fhir_profiles/valuesets`, each from the last layer that has it."""
        return layered([layer / folder for layer in self.layers], pattern)


def content_folder() -> Path:
    """Where content stands: inside the installed package, or the checkout's top level."""
    packed = _PACKAGE / "content_files"
    return packed if packed.is_dir() else _PACKAGE.parent


def load_content(
    folder: Path | Sequence[Path] | None = None,
    rules_mode: Literal["as-files", "silent"] = "as-files",
    *,
    site_file: Path | None = None,
    local_codes: Path | Sequence[Path] | None = None,
    snomed: bool = True,
    rule_pages: str | None = None,
    what_is_below: WhatIsBelow | None = None,
) -> Content:
    """Load everything, or raise `ContentError` with every problem of every file at once.

    `folder` may be several, the base first. `rules_mode` silent turns active rules silent, as a new production
    installation starts. Without `snomed` the code lists of SNOMED CT are left out. `rule_pages` is where cards link to,
    with `{rule}` in it, unless the site's own file says otherwise. `what_is_below` knows the codes below those that a
    value set marks `subsumes`.
    """
    layers = (folder or content_folder(),) if folder is None or isinstance(folder, Path) else tuple(folder)
    problems = _check_layers(layers)
    if problems:
        raise ContentError(tuple(problems))
    cards = [layer / "cards" for layer in layers]
    value_sets = _or_note(
        problems,
        lambda: load_value_sets(
            [layer / "fhir_profiles" / "valuesets" for layer in layers],
            local_codes,
            cards=cards,
            snomed=snomed,
            what_is_below=what_is_below,
        ),
    )
    lexicon = _or_note(problems, lambda: load_lexicon([folder / "lexicon" for folder in cards]))
    routing = _or_note(problems, lambda: load_routing(topmost(cards, "routing.yaml")))
    subspecialties = routing.ids if routing else frozenset()
    services = _checked(problems, topmost(cards, "services.yaml"), read_services)
    reasons = _checked(problems, topmost(cards, "override-reasons.yaml"), read_override_reasons)
    site_file = site_file or topmost(cards, "site.yaml")
    site = _checked(problems, site_file, lambda path, sheet: read_site(path, sheet, subspecialties))
    offered = _checked(problems, topmost(cards, "complete-studies.yaml"), read_complete_studies)
    site = replace(site, url=site.url or rule_pages)
    profiles = layered([folder / "clients" for folder in cards], "*.yaml")
    clients = [_checked(problems, path, read_client) for path in profiles]
    rules = None
    if value_sets and lexicon and routing:
        names = Names(
            value_sets={name: value_sets.groups(name) for name in value_sets.names},
            concepts=lexicon.concepts,
            subspecialties=subspecialties,
            override_reasons=frozenset(reasons),
        )
        rules = _or_note(problems, lambda: load_rules([folder / "rules" for folder in cards], names))
    if problems or value_sets is None or lexicon is None or routing is None or rules is None:
        raise ContentError(tuple(problems))
    problems += _unknown_rules(site, rules, site_file)
    if problems:
        raise ContentError(tuple(problems))
    if rules_mode == "silent":
        rules = rules.silenced()
        site = replace(site, statuses=tuple(each for each in site.statuses if each.status != "active"))
    studies, _ = read_evidence(topmost(cards, "evidence.yaml"))  # its problems came with the rules'
    safe = {id: study for id, study in studies.items() if study.card_safe and study.card}
    cited = {id: Evidence(id, study.card, study.fits) for id, study in safe.items()}
    words = Words(site, routing, cited, reasons, {client.name: client for client in clients if client}, offered)
    return Content(
        layers=layers,
        services=services,
        rules=rules,
        lexicon=lexicon,
        value_sets=value_sets,
        routing=routing,
        site=site,
        words=words,
        prefetch=services[0]["prefetch"] if services else {},
        evidence=studies,
        digest=digest_of(layers, local_codes, value_sets.descendants),
        snomed=snomed,
    )


def _unknown_rules(site: Site, rules: RuleSet, file: Path) -> list[Problem]:
    """Statuses and arms of rules that there are not, or that nothing a site says can wake."""
    problems = []
    known = {rule.id: rule.status for rule in rules.rules}
    named = [each.rule for each in site.statuses] + [each.rule for each in site.arms]
    for id in dict.fromkeys(rule for rule in named if rule != EVERY_RULE):
        if id not in known:
            words = f"statuses and arms: there is no rule '{id}'{nearest(id, known)}"
            problems.append(Problem(str(file), 1, 1, "unknown-rule", words))
        elif known[id] in ("draft", "retired"):
            words = f"statuses and arms: rule '{id}' is {known[id]} by its file; the site cannot wake it"
            problems.append(Problem(str(file), 1, 1, "bad-value", words))
    return problems


def _check_layers(layers: Sequence[Path]) -> list[Problem]:
    """What is missing: the base is complete, and a layer over it holds at least one of the two folders."""
    problems = []
    for needed in (layers[0] / "cards", layers[0] / "fhir_profiles" / "valuesets"):
        if not needed.is_dir():
            problems.append(Problem(str(needed), 1, 1, "missing-folder", "content needs this folder"))
    for layer in layers[1:]:
        if not (layer / "cards").is_dir() and not (layer / "fhir_profiles").is_dir():
            words = "a layer of content holds cards/ or fhir_profiles/; this has neither"
            problems.append(Problem(str(layer), 1, 1, "missing-folder", words))
    return problems


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


def digest_of(
    layers: Sequence[Path],
    local_codes: Path | Sequence[Path] | None = None,
    descendants: Descendants | None = None,
) -> str:
    """A digest of every content file of every layer and of the site's own codes, in the order of their names, and of
    what a terminology server added."""
    seen = hashlib.sha256()
    folders = [(layer, layer / part) for layer in layers for part in ("cards", "fhir_profiles/valuesets")]
    own = (local_codes,) if isinstance(local_codes, Path) else local_codes or ()
    for top, folder in [*folders, *zip(own, own, strict=True)]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in (".yaml", ".json", ".csv"):
                seen.update(path.relative_to(top).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        seen.update(b"\0")
    if descendants is not None and descendants.of:
        seen.update(descendants.digest.encode())
    return seen.hexdigest()[:16]
