"""User agents: what kind of program it is, and what it is called without versions."""

from __future__ import annotations

import pytest

from services.monitoring.domain.derived.agents import APPS, SCRIPTS, agent_of

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
CHROME = WINDOWS + "Chrome/{}.0.0.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (CHROME.format(120), "browser", "Chrome on Windows"),
        (CHROME.format(120) + " Edg/120.0.0.0", "browser", "Edge on Windows"),
        (IPHONE, "browser", "Mobile Safari on iOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "browser", "Firefox on Linux"),
        ("curl/8.13.0", "script", "curl"),
        ("Wget/1.21.4", "script", "Wget"),
        ("python-requests/2.31.0", "script", "Python Requests"),
        ("Python/3.11 aiohttp/3.9.1", "script", "Python aiohttp"),
        ("Go-http-client/2.0", "script", "Go-http-client"),
        ("okhttp/4.12.0", "script", "okhttp"),
        ("Java/17.0.9", "script", "Java"),
        ("axios/1.6.2", "script", "axios"),
        ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "script", "node-fetch"),
        ("PostmanRuntime/7.36.0", "script", "PostmanRuntime"),
        (
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1",
            "script",
            "WindowsPowerShell on Windows",
        ),
        (WINDOWS + "HeadlessChrome/120.0.0.0 Safari/537.36", "script", "HeadlessChrome on Windows"),
        ("aws-cli/2.27.12", "script", "aws-cli"),
        ("aws-sdk-go-v2/1.24.0 os/linux lang/go#1.21.5", "script", "aws-sdk-go-v2 on Linux"),
        ("vault-cli/1.19", "script", "vault-cli"),
        ("BAV2ROPC", "app", "BAV2ROPC"),
        ("Outlook-iOS/2.0", "app", None),
        ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)", "app", None),
        (CHROME.format(120) + " Electron/28.0", "app", None),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "other", None),
        ("Mozilla/5.0", "other", None),
        ("SomethingNew/1.0", "other", "SomethingNew"),
        ("\x7f\u00e4 ???", "other", None),
    ],
)
def test_a_program_has_its_kind_and_its_name(text: str, kind: str, name: str | None) -> None:
    found = agent_of(text)
    assert found is not None
    assert found.kind == kind
    if name is not None:
        assert found.name == name


def test_an_update_makes_no_stranger_of_a_browser() -> None:
    assert agent_of(CHROME.format(120)) == agent_of(CHROME.format(141))


def test_a_device_is_named_where_the_text_names_it() -> None:
    phone, desktop = agent_of(IPHONE), agent_of(CHROME.format(120))
    assert phone is not None
    assert desktop is not None
    assert (phone.device, desktop.device) == ("iPhone", None)


def test_a_text_of_blanks_is_none() -> None:
    assert agent_of("  ") is None


def test_a_word_within_another_word_is_not_taken_for_a_script() -> None:
    found = agent_of(WINDOWS + "Chrome/120.0.0.0 Safari/537.36 Javascripter/1 Curling/2")
    assert found is not None
    assert found.kind == "browser"


@pytest.mark.parametrize("word", SCRIPTS)
def test_every_word_of_the_list_makes_a_script(word: str) -> None:
    found = agent_of(f"{word}/1.0")
    assert found is not None
    assert found.kind == "script"


@pytest.mark.parametrize("word", APPS)
def test_every_word_of_the_other_list_makes_an_app(word: str) -> None:
    found = agent_of(f"{word}/1.0")
    assert found is not None
    assert found.kind == "app"
