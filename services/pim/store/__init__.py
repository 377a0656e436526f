"""Rows of the service and the facts they stand for; every query names its tenant beside the row-level security."""
