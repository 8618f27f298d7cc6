"""The append-only record of decisions, cards and feedback; see README.md in this folder."""

from cds_service.ledger.keys import Keyring, ledger_keys, rotate_key_file
from cds_service.ledger.ledger import Ledger, open_ledger
from cds_service.ledger.operations import RuleBudget

__all__ = ["Keyring", "Ledger", "RuleBudget", "ledger_keys", "open_ledger", "rotate_key_file"]
