"""Content checked, whether or not it loads: the rules that could be read, and everything wrong."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from cds_service.content import Content, content_folder
from cds_service.content.files import read_override_reasons
from cds_service.errors import ContentError, Problem
from cds_service.layers import topmost
from cds_service.reading import Lexicon, load_lexicon
from cds_service.routing import Routing, load_routing
from cds_service.rules.load import check_rules
from cds_service.rules.rule import Names, Rule
from cds_service.terminology import ValueSets, load_value_sets
from cds_service.yaml_source import Sheet


def check_content(path: Path | None, as_of: date) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """The rules under a folder, or in one file, and everything wrong with them or with what they refer to."""
    given = path or content_folder() / "cards" / "rules"
    folder = rules_folder(given)
    home = folder.parent.parent
    try:
        names = read_names((home if (home / "fhir_profiles").is_dir() else content_folder(),))
    except ContentError as error:
        return (), error.problems
    found, problems = check_rules(folder, names, as_of=as_of)
    if given.is_file():
        found = tuple(rule for rule in found if rule.file == str(given))
        problems = tuple(problem for problem in problems if problem.file == str(given))
    return found, problems


def check_loaded(content: Content, as_of: date) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """As `check_content`, of content that is loaded already: its rules with their tests, and their problems."""
    return check_rules([layer / "cards" / "rules" for layer in content.layers], names_of(content), as_of=as_of)


def check_layers(layers: Sequence[Path], as_of: date) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """The rules of all layers, the base first, and everything wrong, each named in the file of the layer it is in."""
    try:
        names = read_names(layers)
    except ContentError as error:
        return (), error.problems
    return check_rules([layer / "cards" / "rules" for layer in layers], names, as_of=as_of)


def read_names(layers: Sequence[Path]) -> Names:
    """What the rules of these layers of content may refer to, whether or not the rules can be loaded."""
    cards = [layer / "cards" for layer in layers]
    sheet = Sheet(str(topmost(cards, "override-reasons.yaml")))
    reasons = read_override_reasons(Path(sheet.file), sheet)
    sets = load_value_sets([layer / "fhir_profiles" / "valuesets" for layer in layers], cards=cards)
    lexicon = load_lexicon([folder / "lexicon" for folder in cards])
    routing = load_routing(topmost(cards, "routing.yaml"))
    return _names(sets, lexicon, routing, reasons)


def names_of(content: Content) -> Names:
    """What the rules of this content may refer to."""
    return _names(content.value_sets, content.lexicon, content.routing, content.words.override_reasons)


def _names(sets: ValueSets, lexicon: Lexicon, routing: Routing, reasons: Iterable[str]) -> Names:
    groups = {name: sets.groups(name) for name in sets.names}
    return Names(groups, lexicon.concepts, routing.ids, frozenset(reasons))


def rules_folder(path: Path) -> Path:
    """The folder `rules` that a path is, holds or stands in."""
    for folder in (path, path / "rules", path / "cards" / "rules", *path.parents):
        if folder.is_dir() and folder.name == "rules":
            return folder
    return path
