"""Filters for pages about a person."""

import re

from django import template

register = template.Library()

# The first that fits wins: Edge and Opera also say Chrome, and Chrome also says Safari.
BROWSERS = {
    "Edge": r"Edg(?:e|A|iOS)?/",
    "Opera": r"OPR/",
    "Firefox": r"Firefox/|FxiOS/",
    "Chrome": r"Chrome/|Chromium/|CriOS/",
    "Safari": r"Safari/",
}
SYSTEMS = {
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "Android": r"Android",
    "Windows": r"Windows",
    "macOS": r"Mac OS X|Macintosh",
    "ChromeOS": r"CrOS",
    "Linux": r"Linux|X11",
}


@register.filter
def browser(user_agent: str) -> str:
    """`Firefox on Windows`; what we do not know is shown as it was sent."""
    name, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    # Half a guess is worse than none.
    if name and system:
        return f"{name} on {system}"
    return user_agent[:80] or "an unnamed browser"


def _first(kinds: dict[str, str], user_agent: str) -> str:
    return next((kind for kind, sign in kinds.items() if re.search(sign, user_agent)), "")
