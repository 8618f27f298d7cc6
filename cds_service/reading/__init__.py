"""Reads radiology reports: renderings in, findings with assertion, severity, level, size and category out."""

from cds_service.reading.assertion import assert_span
from cds_service.reading.lexicon import Lexicon, load_lexicon
from cds_service.reading.report import read

__all__ = ["Lexicon", "assert_span", "load_lexicon", "read"]
