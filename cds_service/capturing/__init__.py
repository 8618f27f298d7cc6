"""Calls kept for debugging: deliberately, for minutes, masked; see README.md in this folder."""

from cds_service.capturing.masking import masked
from cds_service.capturing.window import Captures, Window, close_window, open_window, opened

__all__ = ["Captures", "Window", "close_window", "masked", "open_window", "opened"]
