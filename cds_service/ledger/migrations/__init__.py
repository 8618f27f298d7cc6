"""The steps that bring an older database to the present one; run by `migrate.py`."""
