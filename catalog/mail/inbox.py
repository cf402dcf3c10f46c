"""The development inbox: without a mail server, a developer reads here what would be sent.

It exists under DEBUG only, and is not even in the site's addresses otherwise.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from catalog.models import Mail

PATH = "dev/mail/"
SHOWN = 50
CODE = re.compile(r"^[A-Z0-9]{3,}(?:-[A-Z0-9]{3,})*$", re.MULTILINE)


@dataclass(frozen=True)
class Letter:
    mail: Mail

    @cached_property
    def code(self) -> str:
        # The code to type, if the mail has one on a line of its own.
        match = CODE.search(self.mail.text)
        return match.group() if match else ""


def is_open() -> bool:
    return settings.DEBUG and not settings.MAIL_TRANSPORT


def address(request: HttpRequest) -> dict[str, str]:
    """`mail_inbox`: where a developer finds the mail just sent; empty on a real site."""
    return {"mail_inbox": f"/{PATH}" if is_open() else ""}


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    letters = [Letter(mail) for mail in Mail.objects.order_by("-pk")[:SHOWN]]
    return render(request, "catalog/dev_mail.html", {"letters": letters, "kept": is_open()})
