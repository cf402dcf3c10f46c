"""Sign-in: locking somebody out, and taking the gifts meant for newcomers."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
from django.db import close_old_connections
from django.db.models import Sum

from accounts.models import Category, Grant
from bench.abuse.attack import Outcome, Target
from bench.abuse.attacks.wire import PATIENCE_S
from catalog.mail.inbox import Letter
from catalog.models import Mail

SIGN_IN = "/accounts/login/"
VICTIM = "127.0.0.1"
# What one mail domain is given in a day without the operator's click.
MAX_GIFTS = 5
MAIL_WITHIN_S = 15.0
CROWD = 60  # networks
# Ten an hour for all strangers, then one each half hour by the clock.
MAX_MAILS_OF_CROWD = 12


@dataclass
class Browser:
    target: Target
    source: str
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(
            base_url=self.target.origin,
            transport=httpx.AsyncHTTPTransport(local_address=self.source),
            timeout=PATIENCE_S,
        )

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def ask_for_code(self, email: str) -> httpx.Response:
        """302 to where the code is typed; anything else is a refusal."""
        await self.http.get(SIGN_IN)
        return await self._post(SIGN_IN, {"login": email})

    async def sign_in(self, email: str) -> bool:
        sent = await self.ask_for_code(email)
        code = await newest_code(email)
        if sent.status_code != httpx.codes.FOUND or not code:
            return False
        typed = await self._post(sent.headers["location"], {"code": code})
        return typed.status_code == httpx.codes.FOUND

    def forget_session(self) -> None:
        """As if it had ended; what else the site left in the browser stays."""
        self.http.cookies.delete("session")

    async def _post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        token = {"csrfmiddlewaretoken": self.http.cookies.get("csrf") or ""}
        headers = {"Referer": f"{self.target.origin}{path}"}
        return await self.http.post(path, data=fields | token, headers=headers)


async def newest_code(email: str) -> str:
    """The code in the newest mail to an address; "" if none comes."""
    for _ in range(int(MAIL_WITHIN_S / 0.5)):
        if code := await asyncio.to_thread(_newest_code, email):
            return code
        await asyncio.sleep(0.5)
    return ""


def _newest_code(email: str) -> str:
    mail = Mail.objects.to_any([email]).order_by("pk").last()
    close_old_connections()
    return Letter(mail).code if mail else ""


async def sign_in_flood(target: Target) -> Outcome:
    """A stranger asks for codes in the victim's name; the victim still signs in.

    Not from one other network, and not from a crowd of them: neither in a browser that had signed
    in before, nor in one that nobody has seen yet, which shares a mail with the crowd.
    """
    outcome = Outcome()
    email = target.victim_email
    async with Browser(target, VICTIM) as known, Browser(target, VICTIM) as new:
        outcome.expect(await known.sign_in(email), "the victim could not sign in before")
        await _ask_as_strangers(target, outcome, networks=1)
        outcome.expect(await new.sign_in(email), "locked out of a new browser at home")
        known.forget_session()
        before = await asyncio.to_thread(_mail_count, email)
        await _ask_as_strangers(target, outcome, networks=target.count(CROWD, 12))
        sent = await asyncio.to_thread(_mail_count, email) - before
        outcome.notes.append(f"a crowd had {sent} mails sent")
        outcome.expect(sent <= MAX_MAILS_OF_CROWD, f"{sent} mails flooded the victim's mailbox")
        # First, since it shares the crowd's mail, which is the newest until another one is sent.
        async with Browser(target, "127.69.0.1") as unseen:
            outcome.expect(await unseen.sign_in(email), "locked out of an unknown browser")
        outcome.expect(await known.sign_in(email), "locked out of a browser that had signed in")
    outcome.expect_no_server_error()
    return outcome


def _mail_count(email: str) -> int:
    count = Mail.objects.to_any([email]).count()
    close_old_connections()
    return count


async def _ask_as_strangers(target: Target, outcome: Outcome, *, networks: int) -> None:
    for number in range(max(target.count(30, 12), networks)):
        async with Browser(target, f"127.67.{number % networks}.1") as stranger:
            answer = await stranger.ask_for_code(target.victim_email)
        outcome.statuses[str(answer.status_code)] += 1


async def sign_ups(target: Target) -> Outcome:
    """People of one domain, each from a network of its own."""
    outcome = Outcome()
    domain = f"{uuid4().hex[:12]}.example"
    for number in range(target.count(20, 8)):
        async with Browser(target, f"127.68.{number}.1") as browser:
            is_in = await browser.sign_in(f"person{number}@{domain}")
        outcome.statuses["signed in" if is_in else "refused"] += 1
    count, given = await asyncio.to_thread(_gifts_of, domain)
    outcome.notes.append(f"gained {given:,} µ$ in {count} gifts")
    outcome.expect(count <= MAX_GIFTS, f"{count} gifts for one mail domain")
    return outcome


def _gifts_of(domain: str) -> tuple[int, int]:
    gifts = Grant.objects.filter(wallet__user__email__endswith=f"@{domain}")
    gifts = gifts.exclude(category=Category.PURCHASE)
    given = gifts.aggregate(sum=Sum("amount_micro_usd"))["sum"] or 0
    count = gifts.count()
    close_old_connections()
    return count, given
