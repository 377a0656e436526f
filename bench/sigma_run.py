"""Our side of `sigma_engine`: rules and a file in, findings out as JSON lines, nothing else loaded."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

from services.monitoring.domain.evaluation import Evaluation
from services.monitoring.sigma.loading import load
from services.monitoring.sigma.running import Feed


def main(rules: Path, events: Path) -> None:
    gc.disable()
    loaded = load({rules.name: rules.read_text()})
    evaluation = Evaluation(loaded)
    feed = Feed(loaded, evaluation, time_field="time")
    with events.open("rb", buffering=0) as file:
        feed.take(file)
    for one in evaluation.findings():
        evidence = [event.id for event in one.evidence]
        print(json.dumps({"title": one.head.title, "group": dict(one.group), "value": one.value, "evidence": evidence}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
