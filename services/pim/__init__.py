"""Privileged access for a limited time: who may activate a role, who has, and when it is over."""
