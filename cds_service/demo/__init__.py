"""The demo: synthetic charts, the demo EHR page, and the terminal demo that signs every chart's orders."""

from cds_service.demo.command import demo
from cds_service.demo.pages import demo_blueprint

__all__ = ["demo", "demo_blueprint"]
