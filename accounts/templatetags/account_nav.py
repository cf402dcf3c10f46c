"""The navigation that stands on every page of an account."""

from dataclasses import dataclass

from django import template
from django.http import HttpRequest
from django.urls import reverse

register = template.Library()

# Label, the page it leads to, and the names of other pages that belong to it; "mfa_" stands for
# all that begin so.
ITEMS: list[tuple[str, str, tuple[str, ...]]] = [
    ("credit", "credit", ("credit_csv", "add_credit")),
    ("API keys", "api_keys", ("welcome", "api_key_revoke")),
    ("batches", "batches", ("batch",)),
    ("webhooks", "webhooks", ("webhook",)),
    ("votes and waitlists", "waitlist-own", ()),
    ("profile", "account", ("account_email",)),
    ("sign-in security", "mfa_index", ("mfa_", "socialaccount_", "account_second_factor")),
    ("sessions", "usersessions_list", ()),
    ("your data", "account_your_data", ("account_delete", "account_data")),
]


@dataclass(frozen=True)
class Item:
    """`current`: what aria-current says, "page" or "true" (a page within); "" elsewhere."""

    label: str
    url: str
    current: str


@register.inclusion_tag("accounts/_nav.html", takes_context=True)
def account_nav(context: dict[str, object]) -> dict[str, object]:
    request = context["request"]
    match = request.resolver_match if isinstance(request, HttpRequest) else None
    here = (match.url_name if match else None) or ""
    return {"items": [Item(label, reverse(to), _current(here, to, of)) for label, to, of in ITEMS]}


def _current(here: str, page: str, within: tuple[str, ...]) -> str:
    if here == page:
        return "page"
    return "true" if here and within and here.startswith(within) else ""
