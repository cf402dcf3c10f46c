"""No capability and no address of a person comes into a log by way of a URL."""

import logging
import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from config.access_log import SECRET_PARTS, NoUnreadableRequests, RedactPaths, redacted

# Parts of addresses that may stand in a log, because knowing them lets nobody do anything.
PUBLIC_PARTS = {
    "owner", "name", "task", "slug", "pk", "number", "object_id", "app_label", "content_type_id",
    "url", "section", "provider", "provider_id", "url_name", "photo_id", "which",
}  # fmt: off


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/waitlist/confirm/abc:123/", "/waitlist/confirm/[redacted]"),
        ("/waitlist/confirm/abc123", "/waitlist/confirm/[redacted]"),  # cut off by a mail program
        ("/waitlist/confirm/abc/def", "/waitlist/confirm/[redacted]"),
        ("//waitlist//confirm/abc/", "/waitlist/confirm/[redacted]"),
        ("/Waitlist/Confirm/abc/", "/Waitlist/Confirm/[redacted]"),
        ("/waitlist/%63onfirm/abc/", "/waitlist/confirm/[redacted]"),
        ("/waitlist/leave/abc/?x=1", "/waitlist/leave/[redacted]?x"),
        ("/waitlist/preferences/abc/", "/waitlist/preferences/[redacted]"),
        ("/waitlist/preferences/", "/waitlist/preferences/"),
        ("/models/openai/clip-vit-base-patch32/", "/models/openai/clip-vit-base-patch32/"),
        ("/models/?q=ada@lab.example&sort=new", "/models/?q&sort"),
        ("/models/?ada@lab.example", "/models/?*"),
        (
            "/accounts/google/login/callback/?code=4/0Ab&state=xyz",
            "/accounts/google/login/callback/?code&state",
        ),
        ("/a%0Ab", "/a%0Ab"),
        ("/caf%C3%A9/", "/caf%C3%A9/"),
    ],
)
def test_secrets_and_what_people_typed_are_left_out(target: str, expected: str) -> None:
    assert redacted(target) == expected


def test_a_long_address_is_cut() -> None:
    assert len(redacted("/" + "a" * 8000 + "?" + "b=1&" * 2000)) < 400


def captured_parts() -> set[str]:
    routes: list[str] = []

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> None:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            else:
                routes.append(route)

    walk(get_resolver().url_patterns, "")
    found = re.findall(r"\(\?P<(\w+)>|<(?:\w+:)?(\w+)>", " ".join(routes))
    return {name for names in found for name in names if name}


def test_each_part_of_an_address_is_known_to_be_secret_or_public() -> None:
    assert captured_parts() - SECRET_PARTS - PUBLIC_PARTS == set()


@pytest.mark.parametrize(
    "args",
    [
        ("203.0.113.7:1", "GET", "/waitlist/leave/abc/", "1.1", 200),  # uvicorn.access
        ("Internal Server Error", "/waitlist/leave/abc/"),  # django.request
    ],
)
def test_lines_of_libraries_are_redacted(args: tuple[object, ...]) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, " ".join(["%s"] * len(args)), args, None)

    assert RedactPaths().filter(record)

    assert "abc" not in record.getMessage()
    assert "/waitlist/leave/[redacted]" in record.getMessage()


@pytest.mark.parametrize(
    ("message", "is_kept"), [("Invalid HTTP request received.", False), ("Started", True)]
)
def test_what_the_protocol_says_itself_is_not_said_twice(message: str, is_kept: bool) -> None:
    record = logging.LogRecord("uvicorn.error", logging.INFO, "x", 1, message, (), None)

    assert NoUnreadableRequests().filter(record) is is_kept
