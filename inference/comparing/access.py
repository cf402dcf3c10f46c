"""Who may see a comparison: its owner, and whoever has the link that its owner made.

Somebody else's does not exist.
"""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from accounts.models import User
from inference.models import Comparison
from inference.playground.requesters import requester_of


def user_of(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None


def visible_or_404(request: HttpRequest, pk: uuid.UUID) -> Comparison:
    requester = requester_of(request)
    visible = Comparison.objects.visible_to(user_id=requester.user_id, visitor=requester.visitor)
    return get_object_or_404(visible.filter(created_at__gt=_oldest()), pk=pk)


def shared_or_404(token: str) -> Comparison:
    return get_object_or_404(Comparison.objects.shared(token).filter(created_at__gt=_oldest()))


def _oldest() -> object:
    # What is due is not shown while it waits for its deletion.
    return Now() - timedelta(hours=settings.PLAYGROUND_KEEP_HOURS)
