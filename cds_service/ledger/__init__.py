"""The append-only record of decisions, cards and feedback; see README.md in this folder."""

from cds_service.ledger.keys import ledger_key
from cds_service.ledger.ledger import Ledger, open_ledger

__all__ = ["Ledger", "ledger_key", "open_ledger"]
