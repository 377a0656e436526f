"""A tenant's own Sigma files: what is wrong with them is said with file and line, and what they cost is bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.monitoring.sigma.loading import RulesError
from services.monitoring.sigma.own_rules import MOST_FILES, OwnRules, own_rules
from tests.monitoring.configured import BRUTE_FORCE, OWN, OWN_ID, Stage, a_pack, staged
from tests.web.stage import problem

PACK = a_pack()

SINGLE = """\
title: Console
id: 22222222-0000-4000-8000-000000000002
logsource: {product: nuxari}
detection:
  selection:
    type: nuxari.access.sign_in_completed.v1
    data.application|contains: console
  condition: selection
nuxari: {group_by: [data.user_id]}
"""


@pytest.fixture
async def stage(monitoring_database: dict[str, str]) -> AsyncIterator[Stage]:
    async with staged(monitoring_database) as found:
        yield found


def loaded(*texts: str) -> OwnRules:
    return own_rules({f"{place}.yml": text for place, text in enumerate(texts)}, PACK)


def faults(*texts: str) -> list[str]:
    with pytest.raises(RulesError) as caught:
        loaded(*texts)
    return [str(one) for one in caught.value.faults]


def test_own_rules_may_rest_on_the_packs() -> None:
    own = loaded(OWN, SINGLE)

    assert set(own.raising) == {OWN_ID, "22222222-0000-4000-8000-000000000002"}
    assert [one.head.name for one in own.rules.correlations] == ["five_failures"]
    assert len(own.rules.selections) == 1


def test_what_an_own_correlation_takes_raises_nothing_by_itself() -> None:
    base = SINGLE.replace("title: Console", "title: Console\nname: console")
    above = OWN.replace("[sign_in_failed]", "[console]")

    assert set(loaded(base, above).raising) == {OWN_ID}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (OWN.replace("event_count", "event_cuont"), "0.yml:6: 'event_cuont' is no valid Sigma correlation type"),
        (OWN.replace("[sign_in_failed]", "[nobody]"), "0.yml:7: "),
        (OWN.replace("  group-by: [data.user_id]\n", ""), "0.yml:5: a correlation needs 'group-by'"),
        (OWN.replace("5m", "8d"), "0.yml:9: a 'timespan' is 7d at most"),
        (OWN.replace(f"id: {OWN_ID}\n", ""), "0.yml:1: a rule needs an 'id'"),
        (OWN.replace(OWN_ID, BRUTE_FORCE), f"0.yml:2: '{BRUTE_FORCE}' is another rule's too"),
        (OWN.replace("name: five_failures", "name: brute_force"), "0.yml:3: 'brute_force' is another rule's too"),
        (OWN.replace("name: five_failures", "name: five failures"), "0.yml:3: a 'name' has"),
        (OWN + "nuxari:\n  detection: 1\n", "0.yml:12: only the pack's rules have a number"),
        (SINGLE.replace("|contains", "|contians"), "0.yml:7: "),
        (SINGLE.replace("contains: console", "re: '(['"), "0.yml:7: "),
        (SINGLE.replace("condition: selection", "condition: selektion"), "0.yml:8: "),
        (SINGLE.replace("  selection:\n", "  selection: [\n"), "0.yml:"),
        ("- a\n- b\n", "0.yml:1: a rule is a mapping"),
        (SINGLE.replace("type: nuxari.access.sign_in_completed.v1\n    data.application|contains: ", "- "), "0.yml:"),
        (
            SINGLE.replace("  selection:\n", "  keywords: [mimikatz]\n  selection:\n").replace(
                "n: selection", "n: keywords"
            ),
            "0.yml:4: ",
        ),
        (SINGLE.replace("condition: selection", f"condition: {'selection or ' * 100}selection"), "0.yml:8: "),
        (SINGLE.replace("console", f"[{', '.join(f'x{n}' for n in range(201))}]"), "0.yml:4: a rule has 200 tests"),
        (
            SINGLE.replace("contains: console", f"re: [{', '.join(f'x{n}' for n in range(11))}]"),
            "0.yml:4: a rule has 10",
        ),
        (SINGLE.replace("contains: console", f"re: {'x' * 1001}"), "0.yml:4: a regular expression has 1000"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, fault: str) -> None:
    found = faults(text)

    assert any(one.startswith(fault) for one in found), found


def test_every_fault_of_every_file_is_told_at_once() -> None:
    found = faults(OWN.replace("event_count", "nothing"), SINGLE.replace("|contains", "|nope"))

    assert [one.split(":")[0] for one in found] == ["0.yml", "1.yml"]


def test_a_filter_is_no_rule_so_it_cannot_quieten_the_pack() -> None:
    quiet = f"""\
title: Quiet
logsource: {{product: nuxari}}
filter:
  rules: [{BRUTE_FORCE}]
  selection: {{data.user_id: eve}}
  condition: not selection
"""

    assert faults(quiet) == ["0.yml:3: a filter is no rule: what a detection shall not count is an exception"]


def test_files_are_bounded_in_number_size_and_name() -> None:
    many = {f"{n}.yml": SINGLE for n in range(MOST_FILES + 1)}
    for files, words in (
        (many, "files at most"),
        ({"a.yml": "#" * 65537}, "65536 bytes at most"),
        ({"../a.yml": SINGLE}, "a file is called"),
        ({"a.txt": SINGLE}, "a file is called"),
    ):
        with pytest.raises(RulesError, match=words):
            own_rules(files, PACK)


def test_rules_are_bounded_in_number() -> None:
    text = "---\n".join(SINGLE.replace("000000000002", f"{n:012}") for n in range(101))

    assert any("100 rules at most" in one for one in faults(text))


def test_all_together_they_are_bounded_in_cost() -> None:
    expressions = f"re: [{', '.join(f'x{n}' for n in range(10))}]"
    texts = [
        SINGLE.replace("000000000002", f"{n:012}").replace("contains: console", expressions) for n in range(10, 21)
    ]

    assert "all rules together cost" in faults(*texts)[0]
    assert loaded(*texts[:9]).cost == 9 * (10 * 50 + 1)


def test_a_field_that_no_event_has_is_a_warning_with_its_line() -> None:
    text = SINGLE.replace("data.application|contains", "data.aplication|contains").replace(
        "[data.user_id]", "[data.usr]"
    )

    warnings = loaded(text).warnings

    assert [str(one) for one in warnings] == [
        "0.yml:7: no event has the field 'data.aplication'",
        "0.yml:9: no event has the field 'data.usr'",
    ]


def test_an_alias_is_no_field() -> None:
    text = OWN.replace("[data.user_id]", "[who]").replace(
        "  timespan", "  aliases:\n    who: {sign_in_failed: data.user_id}\n  timespan"
    )

    assert loaded(text).warnings == ()


async def test_faults_come_as_a_problem_with_a_list(stage: Stage) -> None:
    body = {"files": {"mine.yml": OWN.replace("[sign_in_failed]", "[nobody]")}}

    for answer in (
        await stage.asks("POST", "own-rules-validation", json=body),
        await stage.asks("PUT", "own-rules", version=0, json=body),
    ):
        (error,) = problem(answer, 422, "invalid-rules")["errors"]
        assert (error["where"], error["file"], error["line"]) == ("mine.yml:7", "mine.yml", 7)
        assert "nobody" in error["why"]
    assert await stage.version() == 0


async def test_yaml_is_validated_as_it_is(stage: Stage) -> None:
    yaml = {"Content-Type": "text/yaml; charset=utf-8"}

    good = await stage.asks("POST", "own-rules-validation", content=OWN, headers=yaml)
    bad = await stage.asks(
        "PUT", "own-rules/mine.yml", version=0, content=OWN.replace("event_count", "nothing"), headers=yaml
    )

    assert good.json()["raising"] == [{"id": OWN_ID, "name": "five_failures", "title": "Five failures"}]
    assert problem(bad, 422, "invalid-configuration")["errors"][0]["where"] == "mine.yml:6"
    problem(
        await stage.asks("PUT", "own-rules/mine.yml", version=0, content=b"\xff", headers=yaml),
        415,
        "unsupported-media-type",
    )
