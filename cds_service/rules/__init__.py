"""Rules: strict YAML files compiled once to closures, and the pure, three-valued decision over one case."""

from cds_service.rules.deciding import Known, decide, settle
from cds_service.rules.load import check_rules, load_rules, read_evidence
from cds_service.rules.rule import Evidence, Names, Rule, RuleSet

__all__ = [
    "Evidence",
    "Known",
    "Names",
    "Rule",
    "RuleSet",
    "check_rules",
    "decide",
    "load_rules",
    "read_evidence",
    "settle",
]
