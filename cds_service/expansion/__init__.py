"""Asking a terminology server what stands below a code: before the service takes calls, and never during one."""

from cds_service.expansion.asking import Server
from cds_service.expansion.keeping import Refreshed, below_by_settings, keep_fresh, server_of_settings

__all__ = ["Refreshed", "Server", "below_by_settings", "keep_fresh", "server_of_settings"]
