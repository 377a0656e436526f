"""Whatever is sent, the answer is a problem document that says where and why and never quotes what was sent."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.roles import Role

from tests.telemetry.capture import Logs
from tests.web.stage import AGENTS, SECRET, a_client, an_app, problem

ADMIN = Role.CLIENT_ADMIN


async def posted(content: bytes | str, media_type: str | None = "application/json") -> httpx.Response:
    headers = {"Content-Type": media_type} if media_type else {}
    async with a_client(an_app(), ADMIN) as client:
        return await client.post(AGENTS, content=content, headers=headers)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.name"),
        ({"name": 7}, "body.name"),
        ({"name": "x", "nmae": "y"}, "body.nmae"),
        ({"name": "x", "inner": [{"label": "y", "colour": "z"}]}, "body.inner.0.colour"),
        ({"name": "a\0b"}, "body.name"),
        ({"name": "x", "inner": [{"label": "\0"}]}, "body.inner"),
        ({"name": "\ud800"}, "body.name"),
        ({"name": "x" * 4097}, "body.name"),
        ({"name": "x", "weight": "heavy"}, "body.weight"),
        ([], "body"),
        ("name", "body"),
        (None, "body"),
    ],
)
async def test_a_body_of_another_form_is_422_and_names_the_place(body: object, where: str):
    document = problem(await posted(json.dumps(body)), 422, "invalid-request")

    assert where in [error["where"] for error in document["errors"]]
    assert all(error["why"] for error in document["errors"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_a_number_that_is_none_is_422(number: str):
    problem(await posted(f'{{"name": "x", "weight": {number}}}'), 422, "invalid-request")


@pytest.mark.parametrize("body", [b"{", b"{'name': 1}", b'{"name": "x",}', b"name=x"])
async def test_a_body_that_is_no_json_is_400(body: bytes):
    problem(await posted(body), 400, "not-json")


@pytest.mark.parametrize("body", [b'"\xff"', b"[" * 100_000, b'{"name": ' + b"9" * 5000 + b"}"])
async def test_a_body_that_cannot_be_read_at_all_is_400(body: bytes):
    problem(await posted(body), 400, "bad-request")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
async def test_a_body_of_another_media_type_is_415(media_type: str | None):
    problem(await posted(b'{"name": "x"}', media_type), 415, "unsupported-media-type")


async def test_an_invalid_value_is_never_quoted_back():
    response = await posted(json.dumps({"name": {"password": SECRET}, "weight": SECRET, "inner": SECRET}))

    problem(response, 422, "invalid-request")
    assert SECRET not in response.text


async def test_many_mistakes_are_not_answered_with_a_long_list():
    document = problem(await posted(json.dumps({f"f{n}" * 100: n for n in range(500)})), 422, "invalid-request")

    assert len(document["errors"]) == 20
    assert all(len(error["where"]) <= 200 for error in document["errors"])


async def test_an_unknown_path_is_a_404_problem_and_no_redirect():
    async with a_client(an_app()) as client:
        problem(await client.get("/nothing/here"), 404, "not-found")
        problem(await client.get("/live/"), 404, "not-found")


async def test_another_method_is_405_and_says_which_are_allowed():
    async with a_client(an_app(), ADMIN) as client:
        response = await client.delete(AGENTS + "/a-1")

    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize("path", [AGENTS + "/%00", AGENTS + "?cursor=%00", "/%00"])
async def test_a_nul_in_path_or_query_is_400(path: str):
    async with a_client(an_app(), ADMIN) as client:
        problem(await client.get(path), 400, "bad-request")


async def test_a_bug_is_500_with_an_id_that_is_in_the_log_and_without_its_text(logs: Logs):
    async with a_client(an_app()) as client:
        response = await client.get("/v1/tenants/acme/broken")

    error_id = problem(response, 500, "internal-error")["id"]
    logged = logs.one("a request failed")
    assert SECRET not in response.text + logs.text
    assert logged["error_id"] == error_id
    assert logged["exception"]["type"] == "RuntimeError"
    assert "stage.py" in logged["exception"]["at"][-1]


async def test_an_outage_is_503_and_says_when_to_try_again():
    async with a_client(an_app()) as client:
        response = await client.get("/v1/tenants/acme/away")

    problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/live", "/nothing", AGENTS, "/v1/tenants/acme/broken"])
async def test_every_answer_has_an_id_of_its_own_and_safe_headers(path: str):
    async with a_client(an_app()) as client:
        first, second = await client.get(path), await client.get(path)

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in first.headers["content-security-policy"]


async def test_the_log_has_one_line_a_request_with_the_routes_template_and_no_query(
    logs: Logs,
):
    async with a_client(an_app(), ADMIN) as client:
        response = await client.get(AGENTS + "/one-time-secret?cursor=another-secret")

    line = logs.one("request")
    assert line["route"] == "/v1/tenants/{tenant_id}/agents/{agent_id}"
    assert line["status"] == 404
    assert line["request_id"] == response.headers["x-request-id"]
    assert "secret" not in logs.text


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200), media_type=st.sampled_from(["application/json", "text/plain", "a/b; c=d", "\x7f"]))
async def test_no_body_whatever_makes_the_service_fail(body: bytes, media_type: str):
    response = await posted(body, media_type)

    assert response.status_code in {400, 415, 422}


@settings(max_examples=60, deadline=None)
@given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
async def test_no_json_whatever_makes_the_service_fail(value: object):
    response = await posted(json.dumps({"name": value, "inner": value, "weight": value}))

    assert response.status_code in {201, 400, 422}
