"""Derived fields: what rules read of an event that it does not bring itself, pure but for the databases handed in."""

from services.monitoring.domain.derived.derivation import Derivation
from services.monitoring.domain.derived.names import FIELDS, ROOTS, Field
from services.monitoring.domain.derived.places import NO_DATABASES, NOWHERE, Databases, Place

__all__ = ["FIELDS", "NOWHERE", "NO_DATABASES", "ROOTS", "Databases", "Derivation", "Field", "Place"]
