"""The detections that come with the service: the Sigma files of the folder `pack`, loaded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from services.monitoring.domain.sigma import Head, RuleSet
from services.monitoring.sigma.loading import load


@dataclass(frozen=True)
class Pack:
    """Rules and what raises of them."""

    texts: Mapping[str, str]
    """The files, by name."""
    rules: RuleSet
    raising: Mapping[str, Head]
    """What every detection says about itself, by the rule's id, in the order of its number."""

    def find(self, name: str) -> Head | None:
        """Return the detection of that name or id."""
        return next((head for head in self.raising.values() if name in (head.name, head.id)), None)


@cache
def pack() -> Pack:
    """Return the pack."""
    return pack_of(_files())


def pack_stories() -> Mapping[str, str]:
    """Return the files of stories that the pack's rules are tested by, by name."""
    return _files("tests")


def _files(*below: str) -> dict[str, str]:
    folder = files("services.monitoring").joinpath("pack", *below)
    return dict(
        sorted((one.name, one.read_text(encoding="utf-8")) for one in folder.iterdir() if one.name.endswith(".yml"))
    )


def pack_of(texts: Mapping[str, str]) -> Pack:
    """Return the pack that the files make: of its rules only those raise that have the number of a detection.

    Raises:
        RulesError: with every fault of the files.
    """
    rules = load(texts)
    heads = [*(one.head for one in rules.selections.values()), *(one.head for one in rules.correlations)]
    raising = sorted((head for head in heads if "detection" in head.extensions), key=_in_order)
    return Pack(texts, rules, {head.id: head for head in raising})


def _in_order(head: Head) -> tuple[int, str]:
    return head.extensions["detection"], head.name or head.id
