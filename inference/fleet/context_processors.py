"""What any page may ask about workers; nothing is looked up until a page does."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from inference.models import Worker


def workers(request: HttpRequest) -> dict[str, object]:
    """`served_repos`: the models that can be tried now."""
    return {"served_repos": SimpleLazyObject(Worker.objects.served_repos)}
