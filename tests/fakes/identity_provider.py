"""As much of Google's and GitHub's sign-in as an OAuth callback needs, on a local port.

It speaks both shapes over HTTP: authorize, exchange the code for a token, and say who it was.
"""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

from tests.support.http.local_server import listening

CLIENT_ID = "gigarouter-test"


@dataclass(frozen=True)
class Address:
    email: str
    verified: bool = True
    primary: bool = True


@dataclass
class Account:
    """Somebody's account at a provider; its number never changes, its addresses may."""

    number: str
    addresses: list[Address]
    public_email: str | None = None


@dataclass
class IdentityProvider:
    """`signed_in` is who presses "allow" in the next authorization; None: somebody who cancels."""

    signed_in: Account | None = None
    url: str = ""
    codes: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, Account] = field(default_factory=dict)


@contextmanager
def serving() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    with listening(_Handler, provider) as provider.url:
        yield provider


class _Handler(BaseHTTPRequestHandler):
    hub: IdentityProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/authorize"):
            return self._authorize(parse_qs(parts.query))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        account = self.hub.tokens.get(token)
        if account is None or not scheme:
            return self._send({"message": "Bad credentials"}, status=401)
        if parts.path == "/github/user/emails":
            return self._send([vars(address) for address in account.addresses])
        if parts.path == "/github/user":
            # GitHub's `email` is the one that the person shows in public, confirmed or not.
            return self._send(
                {"id": int(account.number), "login": "octo", "email": account.public_email}
            )
        return self._send({}, status=404)

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        account = self.hub.codes.pop(sent.get("code", [""])[0], None)
        if account is None:
            return self._send({"error": "bad_verification_code"}, status=400)
        token = secrets.token_hex(8)
        self.hub.tokens[token] = account
        answer: dict[str, object] = {"access_token": token, "token_type": "bearer"}
        if self.path.startswith("/google/"):
            answer |= {"expires_in": 3600, "id_token": self._id_token(account)}
        return self._send(answer)

    def _authorize(self, query: dict[str, list[str]]) -> None:
        answer = {"state": query["state"][0]}
        if self.hub.signed_in is None:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_hex(8)
            self.hub.codes[answer["code"]] = self.hub.signed_in
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri'][0]}?{urlencode(answer)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _id_token(self, account: Account) -> str:
        # Google names one address. What came from Google itself by TLS needs no signature.
        [address] = account.addresses
        claims = {
            "iss": "https://accounts.google.com",
            "aud": CLIENT_ID,
            "sub": account.number,
            "email": address.email,
            "email_verified": address.verified,
            "iat": int(time.time()),
            "exp": int(time.time()) + 3600,
        }
        return jwt.encode(claims, "not checked" + "x" * 32, algorithm="HS256")

    def _send(self, said: object, *, status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Silent."""
