"""The HTTP interface as OpenAPI: who must show a token, and that every error is a problem document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from shared.web.guards import guards
from shared.web.problems import MEDIA_TYPE

_SCHEME = "access_token"

_PROBLEM = {
    "description": "A problem document (RFC 9457).",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                    "type": {"type": "string", "format": "uri"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string", "description": "Stable; for programs."},
                    "detail": {"type": "string", "description": "For people."},
                },
            }
        }
    },
}


def description(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the app."""
    document = dict(app.openapi())
    components = document.setdefault("components", {})
    components["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for guard in guards(app):
        path = guard.path.replace(":path}", "}")  # how a route says that a parameter may hold slashes
        operation = document.get("paths", {}).get(path, {}).get(guard.method.lower())
        if operation is not None:
            operation["security"] = [] if guard.public else [{_SCHEME: []}]
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _PROBLEM
    return document
