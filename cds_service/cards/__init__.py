"""From verdicts to cards: wording, the one suggestion, and the draft second-read order it creates."""

from cds_service.cards.build import build_cards, not_offered
from cds_service.cards.client import profile_of
from cds_service.cards.complete_study import CompleteStudies
from cds_service.cards.words import Client, Evidence, OverrideReason, Words, with_effect

__all__ = [
    "Client",
    "CompleteStudies",
    "Evidence",
    "OverrideReason",
    "Words",
    "build_cards",
    "not_offered",
    "profile_of",
    "with_effect",
]
