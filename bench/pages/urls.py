"""The site's addresses, and one that costs nothing: what the server itself can do."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import urlpatterns as site


def constant(request: HttpRequest) -> HttpResponse:
    return HttpResponse("constant", content_type="text/plain")


urlpatterns = [path("bench/constant/", constant), *site]
