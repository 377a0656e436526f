"""SQL by hand: rows to domain objects and back, always within the tenant that the transaction entered."""
