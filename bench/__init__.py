"""Benchmarks: `python -m bench [NAME...]`; each is a ratio against something that runs beside it."""
