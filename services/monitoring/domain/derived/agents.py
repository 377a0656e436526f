"""What a user agent's text says of the program behind it: its family, its system, and what kind of program it is."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from ua_parser import Parser
from ua_parser.loaders import load_lazy_builtins
from ua_parser.re2 import Resolver

_LONGEST = 512
"""Characters that are read; what matters stands before."""

_CACHED = 8_192
"""User agents that are read once; a tenth of a millisecond to half a millisecond each, without the cache."""


class Agent(NamedTuple):
    """One user agent, without versions: an update makes no stranger of it."""

    browser: str | None
    os: str | None
    device: str | None
    kind: str
    """`browser`, `script`, `app` or `other`."""
    name: str | None
    """Program and operating system, such as `Chrome on Windows`; what is known of it."""


SCRIPTS = (
    # programs of the command line, and what people write scripts with
    *("curl", "wget", "httpie", "aria2", "lynx", "powershell", "windowspowershell", "winhttp", "bitsadmin", "certutil"),
    *(
        "python-requests",
        "python-urllib",
        "python-httpx",
        "python",
        "aiohttp",
        "httpx",
        "urllib3",
        "requests",
        "scrapy",
    ),
    *("go-http-client", "go-resty", "fasthttp", "okhttp", "apache-httpclient", "java", "java-http-client", "jakarta"),
    *("axios", "node-fetch", "node", "node.js", "undici", "got", "superagent", "deno", "bun", "reqwest", "hyper"),
    *(
        "ruby",
        "faraday",
        "rest-client",
        "typhoeus",
        "perl",
        "libwww-perl",
        "lwp",
        "php",
        "guzzlehttp",
        "dart",
        "erlang",
    ),
    *("restsharp", "dotnet", "postmanruntime", "postman", "insomnia", "soapui", "jmeter", "k6", "vegeta", "hey"),
    # command lines and libraries of clouds and tools
    *("aws-cli", "aws-sdk", "aws-internal", "boto", "boto3", "botocore", "awscli", "azurecli", "az-cli", "azsdk"),
    *("azurepowershell", "gcloud", "google-cloud-sdk", "google-api-python-client", "gsutil", "terraform", "hashicorp"),
    *("pulumi", "ansible", "ansible-httpget", "kubectl", "helm", "vault", "vault-cli", "git", "gh", "roadtools"),
    # browsers that nobody looks at
    *("headlesschrome", "phantomjs", "selenium", "webdriver", "puppeteer", "playwright", "cypress", "htmlunit"),
    # scanners
    *("nmap", "nikto", "sqlmap", "masscan", "zgrab", "nuclei", "hydra", "gobuster", "dirbuster", "ffuf", "wfuzz"),
)
"""Words of user agents that run without a person in front of them, in lower case."""

APPS = (
    *("outlook", "outlook-ios", "outlook-android", "microsoft office", "msoffice", "ms-office", "teams", "msteams"),
    *("skype", "onedrive", "onenote", "sharepoint", "msal", "adal", "windows-azuread-authentication-provider"),
    *("microsoft authenticator", "okta", "duo", "thunderbird", "airmail", "applemail", "apple-iphone", "apple-ipad"),
    *("activesync", "exchange activesync", "microsoft.exchange", "android-mail", "cfnetwork", "dalvik", "electron"),
    *("slack", "slack_ssb", "zoom", "webex", "notion", "figma", "postbox", "evolution"),
    # what Entra writes where a mail program signs in by an old protocol
    *("bav2ropc", "cbainprod", "cbaintar"),
)
"""Words of user agents of programs that people install and sign in with, in lower case."""


def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for one of the words, as a word: `java` is none of `javascript`."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![a-z0-9-])(?:{'|'.join(map(re.escape, longest_first))})(?![a-z0-9])(?!-[a-z])")


_SCRIPT, _APP = _any_of(SCRIPTS), _any_of(APPS)
_SDK = re.compile(r"(?<![a-z0-9])(?:aws-sdk|azsdk|google-api)-[a-z]")
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]{1,63}(?=/|\Z)")
_WINDOW = ("Mozilla/", "Opera/")
"""What every browser's text begins with (RFC 9110, section 10.1.5, and habit)."""


@lru_cache(maxsize=_CACHED)
def agent_of(text: str) -> Agent | None:
    """Return what the text says, None if it is empty."""
    text = text[:_LONGEST].strip()
    if not text:
        return None
    found = _parser().parse(text)
    browser = found.user_agent.family if found.user_agent else _product(text)
    system = found.os.family if found.os else None
    device = found.device.family if found.device else None
    kind = _kind(text, is_browser=found.user_agent is not None and device != "Spider")
    return Agent(browser, system, device, kind, _name(browser, system))


def _kind(text: str, *, is_browser: bool) -> str:
    lower = text.lower()
    if _SCRIPT.search(lower) or _SDK.search(lower):
        return "script"
    if _APP.search(lower):
        return "app"
    return "browser" if is_browser and text.startswith(_WINDOW) else "other"


def _product(text: str) -> str | None:
    """Return the first product's name where no family is known; `Mozilla` says nothing."""
    found = None if text.startswith(_WINDOW) else _PRODUCT.match(text)
    return found[0] if found else None


def _name(browser: str | None, system: str | None) -> str | None:
    return f"{browser} on {system}" if browser and system else browser or system


@cache
def _parser() -> Parser:
    """Return the parser, made when it is first needed: it takes 50 ms.

    RE2 reads any text in linear time; the default resolver backtracks, over texts that a stranger writes.
    """
    return Parser(Resolver(load_lazy_builtins()))
