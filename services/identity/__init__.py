"""Tenants, users, roles, factors, sessions and tokens: after this, everybody else knows who is calling."""
