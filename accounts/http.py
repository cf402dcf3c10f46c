"""The request of a view that only signed-in people reach."""

from accounts.models import User
from catalog import http


class SignedInRequest(http.SignedInRequest):
    user: User
