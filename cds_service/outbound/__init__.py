"""Where this service may send a request: listed addresses alone (`urls`), dialled as they say (`connections`)."""

from cds_service.outbound.urls import Allowlist, base_url, within

__all__ = ["Allowlist", "base_url", "within"]
