"""What Microsoft's codes and names say of a sign-in: after this, an AADSTS number is a failure or an interrupt.

The numbers are those of the error code reference of Microsoft Entra ID; the texts of MFA steps are those of the
sign-in log's activity details.
"""

from __future__ import annotations

from nuxari_events.access import MfaMethod, MfaOutcome

INTERRUPTS = frozenset(
    {
        16000,  # the account has to be chosen
        16001,
        16002,
        50058,  # silent sign-in without a session
        50072,  # a second factor has to be enrolled
        50074,  # a second factor is needed
        50076,
        50078,  # the second factor was used too long ago
        50079,
        50097,  # the device has to authenticate
        50125,  # password reset or registration
        50127,  # a broker app has to be installed
        50129,  # the device has to be joined
        50140,  # "keep me signed in?"
        50158,  # a challenge elsewhere is needed
        50168,  # the browser has to fetch its token
        50199,  # the user has to confirm the app
        65001,  # consent is needed
        70016,  # the device code was not used yet
        9002341,  # the user has to allow single sign-on
    }
)
"""Codes by which nobody was refused: the same sign-in goes on in a record of its own, or asks for a further step."""

LEGACY_CLIENTS = frozenset(
    {
        "authenticated smtp",
        "autodiscover",
        "exchange activesync",
        "exchange activesync (supported)",
        "exchange activesync (unsupported)",
        "exchange online powershell",
        "exchange web services",
        "imap",
        "imap4",
        "mapi",
        "mapi over http",
        "offline address book",
        "other clients",
        "outlook anywhere (rpc over http)",
        "outlook service",
        "pop",
        "pop3",
        "reporting web services",
        "smtp",
        "universal outlook",
    }
)
"""`clientAppUsed` (lower case) of protocols that cannot ask for a second factor."""

ADMIN_APPLICATIONS = frozenset(
    {
        "00000006-0000-0ff1-ce00-000000000000",  # Microsoft 365 admin center
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46",  # Azure CLI
        "14d82eec-204b-4c2f-b7e8-296a70dab67e",  # Microsoft Graph command line tools
        "1950a258-227b-4e31-a9cf-717495945fc2",  # Azure PowerShell
        "1b730954-1685-4b74-9bfd-dac224a7b894",  # Azure AD PowerShell
        "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",  # Azure portal and Entra admin center
    }
)
"""Application ids by which a directory or its resources are administered."""

MFA_METHODS = {
    "fido2 security key": MfaMethod.WEBAUTHN,
    "mobile app notification": MfaMethod.PUSH,
    "mobile app verification code": MfaMethod.TOTP,
    "oath hardware token": MfaMethod.TOTP,
    "oath software token": MfaMethod.TOTP,
    "oath verification code": MfaMethod.TOTP,
    "onewaysms": MfaMethod.SMS,
    "passkey (device-bound)": MfaMethod.WEBAUTHN,
    "passkey (microsoft authenticator)": MfaMethod.WEBAUTHN,
    "phone call": MfaMethod.VOICE,
    "phone call approval (alternate mobile phone)": MfaMethod.VOICE,
    "phone call approval (authentication phone)": MfaMethod.VOICE,
    "phone call approval (office phone)": MfaMethod.VOICE,
    "phoneappnotification": MfaMethod.PUSH,
    "phoneappotp": MfaMethod.TOTP,
    "sms": MfaMethod.SMS,
    "software oath token": MfaMethod.TOTP,
    "text message": MfaMethod.SMS,
    "twowayvoicealternatemobile": MfaMethod.VOICE,
    "twowayvoicemobile": MfaMethod.VOICE,
    "twowayvoiceoffice": MfaMethod.VOICE,
    "voice": MfaMethod.VOICE,
}
"""`authenticationMethod` (lower case). `Authenticator App` may be a prompt or a code, so it is not here."""

MFA_REFUSALS = {
    "duplicate authentication attempt": MfaOutcome.FAILED,
    "entered incorrect code too many times": MfaOutcome.FAILED,
    "fraud code entered": MfaOutcome.DENIED,
    "invalid authentication": MfaOutcome.FAILED,
    "invalid mobile app verification code": MfaOutcome.FAILED,
    "invalid verification code": MfaOutcome.FAILED,
    "no phone input - timed out": MfaOutcome.TIMED_OUT,
    "phone call went to voicemail": MfaOutcome.TIMED_OUT,
    "user declined the authentication": MfaOutcome.DENIED,
    "user declined": MfaOutcome.DENIED,
    "user did not respond to mobile app notification": MfaOutcome.TIMED_OUT,
    "user did not select the correct number": MfaOutcome.FAILED,
    "user entered incorrect code": MfaOutcome.FAILED,
    "user entered incorrect pin": MfaOutcome.FAILED,
    "user hung up the phone call without succeeding the authentication": MfaOutcome.DENIED,
    "user never entered the verification code": MfaOutcome.TIMED_OUT,
    "verification code already used once": MfaOutcome.FAILED,
}
"""`authenticationStepResultDetail` (lower case, without `mfa denied;`). Others, such as a service error, are not the
answer to a challenge."""

SATISFIED_BEFORE = frozenset({"previously satisfied", "satisfied by token"})
"""`authenticationMethod` (lower case) of a second factor that was used earlier and still counts."""


def mfa_method(name: str | None) -> MfaMethod | None:
    """Return the second factor of that name."""
    return MFA_METHODS.get((name or "").strip().casefold())


def mfa_refusal(detail: str | None) -> MfaOutcome | None:
    """Return how a challenge ended that was not approved; None where the text is no answer to one."""
    text = (detail or "").strip().rstrip(".").casefold()
    return MFA_REFUSALS.get(text.removeprefix("mfa denied;").removeprefix("mfa denied:").strip())


def is_legacy(client_app: str | None) -> bool:
    """Whether the client speaks a protocol that cannot ask for a second factor."""
    return (client_app or "").strip().casefold() in LEGACY_CLIENTS
