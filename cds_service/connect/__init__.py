"""Connecting an EHR: what its analysts paste, and what a doctor finds when a call does not do what was hoped."""
