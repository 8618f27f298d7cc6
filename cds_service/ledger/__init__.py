"""The append-only record of decisions, cards and feedback; see README.md in this folder."""

from cds_service.ledger.keys import Keyring, ledger_keys, rotate_key_file
from cds_service.ledger.ledger import Ledger, open_ledger

__all__ = ["Keyring", "Ledger", "ledger_keys", "open_ledger", "rotate_key_file"]
