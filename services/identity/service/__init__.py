"""Use cases: lock, load, decide, save, announce, record; the edge opens the transaction and reads the clock."""
