"""Reads radiology reports: renderings in, findings with assertion, severity, level, size and category out."""

from cds_service.reading.lexicon import Lexicon, load_lexicon
from cds_service.reading.report import read
from cds_service.reading.spans import assert_span

__all__ = ["Lexicon", "assert_span", "load_lexicon", "read"]
