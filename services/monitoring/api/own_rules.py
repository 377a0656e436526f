"""Routes about a tenant's own Sigma files: sent as YAML or as JSON, checked with the line of every fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.routing import APIRoute
from pydantic import ConfigDict, Field, StringConstraints
from starlette.datastructures import Headers
from typing_extensions import override

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import Reason, acting
from services.monitoring.domain.change_requests import Action
from services.monitoring.service import intents
from services.monitoring.service.configuring import Intent
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.loading import RulesError
from services.monitoring.sigma.own_rules import LARGEST, MOST_FILES, OwnRules
from services.monitoring.sigma.reading import Fault
from services.monitoring.store import configurations as store
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web import etags
from shared.web.bodies import RequestModel
from shared.web.problems import Problem, not_found

_YAML = frozenset({"text/yaml", "application/yaml", "text/x-yaml", "application/x-yaml"})
"""RFC 9512, and what was usual before it."""

_UNNAMED = "rules.yml"
"""What a file is called that was sent without a name."""

_MOST_FAULTS = 100

FileName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\.ya?ml$")]

_Text = Annotated[str, StringConstraints(max_length=LARGEST)]
_Name = Annotated[str, StringConstraints(max_length=100)]


class FilesRequest(RequestModel):
    """Sigma files by their names, all of them."""

    model_config = ConfigDict(str_max_length=LARGEST)

    files: Annotated[dict[_Name, _Text], Field(max_length=MOST_FILES)]
    reason: Reason | None = None


class FileRequest(RequestModel):
    """One Sigma file."""

    model_config = ConfigDict(str_max_length=LARGEST)

    text: _Text
    reason: Reason | None = None


class _OfYaml(APIRoute):
    """A route that takes YAML as what it is: the text of a file."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handle(await _as_json(request) if _is_yaml(request.headers) else request)

        return handled


def _is_yaml(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() in _YAML


async def _as_json(request: Request) -> Request:
    """Return the request with the file's text in the form that JSON gives it; what is no UTF-8 is left as it is."""
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError:
        return request
    said: dict[str, Any] = {"text": text} if "name" in request.path_params else {"files": {_UNNAMED: text}}
    body = json.dumps(said).encode()
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    scope = {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


_TAKES_YAML: dict[str, Any] = {"requestBody": {"content": {"application/yaml": {"schema": {"type": "string"}}}}}


def router(prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["own rules"], route_class=_OfYaml)

    async def changed(request: Request, caller: edge.Manager, intent: Intent, response: Response) -> views.OutcomeView:
        async with database.transaction(caller.tenant_id) as transaction:
            found = await edge.changed(
                transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=clock.now()
            )
        return edge.answered(found, response)

    @routes.get("/own-rules")
    async def listed(caller: edge.Viewer, response: Response) -> dict[str, Any]:
        """Return the files, with the configuration's ETag."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.current(transaction)
        response.headers["ETag"] = etags.etag(found.version)
        return {"files": dict(found.own_rules)}

    @routes.put("/own-rules", openapi_extra=_TAKES_YAML)
    async def replace(
        request: Request, caller: edge.Manager, body: FilesRequest, response: Response
    ) -> views.OutcomeView:
        """Have these files and no others."""
        version = etags.required_version(request)
        await _checked(body.files, rulebooks)
        intent = Intent(
            action=Action.OWN_RULES,
            make=intents.own_rules(body.files),
            reason=body.reason or "own rules replaced",
            read_version=version,
        )
        return await changed(request, caller, intent, response)

    @routes.post("/own-rules-validation", openapi_extra=_TAKES_YAML)
    async def validate(caller: edge.Manager, body: FilesRequest) -> dict[str, Any]:
        """Say what the files would be; nothing is changed."""
        del caller
        own = await _checked(body.files, rulebooks)
        return {
            "rules": len(own.rules.selections) + len(own.rules.correlations),
            "raising": [{"id": head.id, "name": head.name, "title": head.title} for head in own.raising.values()],
            "cost": own.cost,
            "warnings": [_shown(one) for one in own.warnings],
        }

    @routes.get("/own-rules/{name}")
    async def one(caller: edge.Viewer, name: FileName) -> Response:
        """Return one file as it was sent, as YAML."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.current(transaction)
        if name not in found.own_rules:
            raise not_found("file")
        headers = {"ETag": etags.etag(found.version)}
        return Response(found.own_rules[name], media_type="application/yaml", headers=headers)

    @routes.put("/own-rules/{name}", openapi_extra=_TAKES_YAML)
    async def put(
        request: Request, caller: edge.Manager, name: FileName, body: FileRequest, response: Response
    ) -> views.OutcomeView:
        """Have this file, new or instead of the one of that name."""
        intent = Intent(
            action=Action.OWN_RULES,
            make=intents.own_file(name, body.text),
            reason=body.reason or f"{name} set",
            read_version=etags.required_version(request),
        )
        return await changed(request, caller, intent, response)

    @routes.delete("/own-rules/{name}")
    async def remove(request: Request, caller: edge.Manager, name: FileName, response: Response) -> views.OutcomeView:
        """Have the file no more; where a rule of it raises alerts that waits for another person."""
        intent = Intent(
            action=Action.OWN_RULES,
            make=intents.without_file(name),
            reason=f"{name} removed",
            read_version=etags.required_version(request),
        )
        return await changed(request, caller, intent, response)

    return routes


async def _checked(files: dict[str, str], rulebooks: Rulebooks) -> OwnRules:
    """Load the files, before a transaction is opened.

    Raises:
        Problem: 422, with the line of every fault.
    """
    try:
        return (await rulebooks.opened(files)).own
    except RulesError as error:
        faults = [_shown(one) for one in error.faults]
        raise Problem(
            422,
            "invalid-rules",
            str(error.faults[0])[:500],
            errors=faults[:_MOST_FAULTS],
            count=len(faults),
        ) from None


def _shown(fault: Fault) -> dict[str, Any]:
    return {"where": f"{fault.file}:{fault.line}", "why": fault.reason, "file": fault.file, "line": fault.line}
