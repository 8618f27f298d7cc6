"""The workbench: where rules are checked and tried, on the command line and by tests, with the service's own code."""

from cds_service.workbench.commands import rules

__all__ = ["rules"]
