"""Records of Microsoft Entra ID, in Graph's shape and as diagnostic settings write them."""

from __future__ import annotations

from typing import Any

DIRECTORY = "3c1e5b9a-3f4d-4e2a-9b8c-2d6f0a1e4b37"
ADA, ROOT, BOB = "4f2b8c1d-ada", "99e1c2d3-root", "e2b9c4f7-bob"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"


def a_sign_in(code: int = 0, **changes: Any) -> dict[str, Any]:
    """As Graph's beta gives it; v1.0 has fewer fields."""
    return {
        "id": "b3f6a2c1-0001",
        "createdDateTime": "2025-06-03T09:00:00Z",
        "userDisplayName": "Ada",
        "userPrincipalName": "ada@example.com",
        "userId": ADA,
        "appId": "d3590ed6-office",
        "appDisplayName": "Microsoft Office",
        "ipAddress": "192.0.2.7",
        "autonomousSystemNumber": 64500,
        "clientAppUsed": "Browser",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "correlationId": "e7a19c42-correlation",
        "conditionalAccessStatus": "notApplied",
        "isInteractive": True,
        "signInEventTypes": ["interactiveUser"],
        "authenticationProtocol": "none",
        "authenticationRequirement": "singleFactorAuthentication",
        "authenticationDetails": [],
        "riskEventTypes_v2": [],
        "resourceDisplayName": "Microsoft Graph",
        "resourceTenantId": DIRECTORY,
        "homeTenantId": DIRECTORY,
        "sessionId": "a91f3c6d-session",
        "status": {"errorCode": code, "failureReason": "Other.", "additionalDetails": None},
        "deviceDetail": {"deviceId": "7c0d-device", "operatingSystem": "Linux", "browser": "Firefox"},
        "location": {
            "city": "Berlin",
            "state": "Berlin",
            "countryOrRegion": "DE",
            "geoCoordinates": {"altitude": None, "latitude": 52.52, "longitude": 13.4},
        },
    } | changes


def a_step(method: str, detail: str, *, succeeded: bool | None, second: bool = True) -> dict[str, Any]:
    return {
        "authenticationStepDateTime": "2025-06-03T09:00:31Z",
        "authenticationMethod": method,
        "authenticationMethodDetail": "",
        "succeeded": succeeded,
        "authenticationStepResultDetail": detail,
        "authenticationStepRequirement": "Multifactor authentication" if second else "Primary authentication",
    }


PASSWORD = a_step("Password", "Correct password", succeeded=True, second=False)


def a_diagnostic(body: dict[str, Any], category: str = "SignInLogs") -> dict[str, Any]:
    """The record that diagnostic settings write around a resource."""
    sign_in = "status" in body
    around = {
        "time": body.get("createdDateTime") or body.get("activityDateTime"),
        "resourceId": f"/tenants/{DIRECTORY}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity" if sign_in else body.get("activityDisplayName"),
        "operationVersion": "1.0",
        "category": category,
        "tenantId": DIRECTORY,
        "durationMs": 0,
        "callerIpAddress": body.get("ipAddress"),
        "correlationId": body.get("correlationId"),
        "Level": 4,
        "properties": body,
    }
    return around | ({"resultType": str(body["status"].get("errorCode")), "location": "DE"} if sign_in else {})


def an_audit(activity: str = "Update user", **changes: Any) -> dict[str, Any]:
    return {
        "id": "Directory_0001",
        "category": "UserManagement",
        "correlationId": "6be2d1f9-correlation",
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": "2025-06-03T09:00:00.1234567Z",
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "initiatedBy": {
            "app": None,
            "user": {
                "id": ROOT,
                "displayName": None,
                "userPrincipalName": "root@example.com",
                "ipAddress": "198.51.100.2",
            },
        },
        "targetResources": [a_target()],
        "additionalDetails": [{"key": "User-Agent", "value": "curl/8"}],
    } | changes


def a_target(kind: str = "User", id_: str = BOB, **changes: Any) -> dict[str, Any]:
    return {"id": id_, "type": kind, "displayName": None, "modifiedProperties": []} | changes


def a_modified(name: str, value: str) -> dict[str, Any]:
    return {"displayName": name, "oldValue": None, "newValue": f'"{value}"'}


def a_direct_grant(role: str = "Global Administrator", template: str = GLOBAL_ADMINISTRATOR) -> dict[str, Any]:
    """As the directory itself writes it: the role is among what was modified."""
    modified = [a_modified("Role.DisplayName", role), a_modified("Role.TemplateId", template)]
    target = a_target(userPrincipalName="bob@example.com", modifiedProperties=modified)
    return an_audit("Add member to role", category="RoleManagement", targetResources=[target])


def a_pim_grant(activity: str, **changes: Any) -> dict[str, Any]:
    """As PIM writes it: role, request and receiver are targets of their own."""
    role = a_target("Role", "a4d7-role", displayName="Global Administrator")
    role["modifiedProperties"] = [a_modified("TemplateId", GLOBAL_ADMINISTRATOR)]
    targets = [
        role,
        a_target("Request", "r-1"),
        a_target(displayName="Bob"),
        a_target("Directory", "d-1", displayName="Example"),
    ]
    return (
        an_audit(
            activity,
            id="PIM_0001",
            category="RoleManagement",
            loggedByService="PIM",
            targetResources=targets,
            additionalDetails=[{"key": "ipaddr", "value": "198.51.100.9"}],
            initiatedBy={"user": {"id": BOB, "userPrincipalName": "bob@example.com"}},
        )
        | changes
    )
