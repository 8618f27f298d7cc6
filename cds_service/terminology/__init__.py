"""What a code or an order's words mean to us: value sets, a site's own codes, and order phrases as the last resort."""

from cds_service.terminology.valuesets import ValueSets, WhatIsBelow, load_value_sets

__all__ = ["ValueSets", "WhatIsBelow", "load_value_sets"]
