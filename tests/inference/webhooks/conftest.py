"""Ada, her webhook, and the server that it names."""

from collections.abc import Callable, Iterator

import pytest
from celery import current_app

from accounts import keys
from accounts.models import User
from inference import jobs
from inference.models import Delivery, Event, Job, Webhook
from inference.webhooks import endpoints, sending
from tests.fakes.far_server import Answer, Canary, FarServer, canary, far_server, world

URL = "https://good.example/hook"
Submit = Callable[..., Job]
Send = Callable[[], int]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[FarServer, Canary]]:
    with far_server() as far, canary() as bird:
        yield far, bird


@pytest.fixture
def far(servers: tuple[FarServer, Canary]) -> FarServer:
    far = servers[0]
    far.answers = {"/hook": Answer(status=204)}
    far.requests = []
    return far


@pytest.fixture
def send(far: FarServer, servers: tuple[FarServer, Canary]) -> Send:
    return lambda: sending.send_due(client=world(far, servers[1]))


@pytest.fixture(autouse=True)
def _quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker listens here; each test sends for itself."""
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def hers(ada: User) -> jobs.Requester:
    key, _ = keys.issue(ada, name="laptop")
    return jobs.Requester(user_id=ada.pk, visitor=None, key=key)


@pytest.fixture
def hook(ada: User) -> tuple[Webhook, str]:
    return endpoints.add(ada, url=URL, events=Event.values)


@pytest.fixture
def delivery(submit: Submit, hers: jobs.Requester, hook: tuple[Webhook, str]) -> Delivery:
    """One delivery that waits: a cancelled job's."""
    jobs.cancel(submit(by=hers))
    return Delivery.objects.get()
