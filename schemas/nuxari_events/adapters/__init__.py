"""Readers of other products' records: after this, a foreign format is `access.activity` or a reason why it is not."""
