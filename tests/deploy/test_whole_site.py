"""What compose.yaml describes is a site: through TLS, through kills, and from its backup."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from pathlib import Path

import httpx
import pytest

from bench.abuse.pictures import data_url
from tests.conftest import photo_bytes
from tests.deploy import whole_site
from tests.deploy.whole_site import SITE, STANDINS, WholeSite
from tests.fakes.smtp import MailServer, mail_server
from tests.support.letters import CODE
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        bool(whole_site.missing_programs()),
        reason=f"needs Debian's packages {', '.join(whole_site.missing_programs())}",
    ),
]
EMAIL = "ada@lab.example"


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[WholeSite]:
    folder = tmp_path_factory.mktemp("whole")
    with whole_site.running(WholeSite.of_compose(folder, mail.port)) as site:
        yield site


@pytest.fixture(scope="module")
def secret(site: WholeSite) -> str:
    return site.manage("issue_key", EMAIL, "--grant-usd", "5").splitlines()[-1]


def classify(site: WholeSite, secret: str) -> httpx.Response:
    with site.client() as client:
        return client.post(
            "/v1/classify",
            headers={"Authorization": f"Bearer {secret}", "Prefer": "wait=60"},
            json={
                "model": STANDINS,
                "input": [{"image": data_url(photo_bytes())}],
                "labels": ["a cat", "a dog"],
            },
        )


def answers(site: WholeSite, secret: str) -> bool:
    with suppress(httpx.HTTPError):
        return classify(site, secret).status_code == 200
    return False


def form_token(page: httpx.Response) -> str:
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[:1]
    return str(token)


def code_in(letter: Message) -> str:
    texts = [part for part in letter.walk() if part.get_content_type() == "text/plain"]
    content = texts[0].get_payload(decode=True)
    assert isinstance(content, bytes)
    found = CODE.search(content.decode().replace("\r\n", "\n"))
    assert found
    return found.group(1)


def test_a_stranger_gets_in_and_an_api_call_is_answered(
    site: WholeSite, mail: MailServer, secret: str
) -> None:
    with site.client() as client:
        wait_for(lambda: client.get("/").status_code == 200)
        home = client.get("/")
        assert home.headers["strict-transport-security"].startswith("max-age=31536000")
        assert client.get("/metrics").status_code == 404
        style = re.findall(r'href="(/static/[^"]+\.css)"', home.text)
        assert style == [] or client.get(style[0]).status_code == 200

        form = client.get("/accounts/login/")
        sent = client.post(
            "/accounts/login/",
            data={"login": "bob@lab.example", "csrfmiddlewaretoken": form_token(form)},
        )
        wait_for(lambda: bool(mail.taken))
        code = code_in(mail.taken[-1])
        page = client.get(sent.headers["location"])
        done = client.post(
            sent.headers["location"], data={"code": code, "csrfmiddlewaretoken": form_token(page)}
        )
        assert done.status_code == 302
        assert client.get("/account/").status_code == 200

    wait_for(lambda: answers(site, secret))
    response = classify(site, secret)
    assert "run;dur=" in response.headers["server-timing"]


def test_plain_http_leads_to_tls(site: WholeSite) -> None:
    response = httpx.get(f"http://localhost:{site.ports['http']}/models/")

    assert response.status_code == 308
    assert response.headers["location"].startswith("https://localhost")


@pytest.mark.parametrize("name", SITE)
def test_it_goes_on_after_a_process_is_killed(site: WholeSite, secret: str, name: str) -> None:
    wait_for(lambda: answers(site, secret))

    site.kill(name)
    with site.client() as client:
        # Of two web processes the other one answers; pages need none of the others.
        assert client.get("/").status_code == 200
    site.start(name)

    wait_for(lambda: site.is_up(name))
    wait_for(lambda: answers(site, secret))


def test_lines_are_json_and_hold_no_traceback(site: WholeSite) -> None:
    for name in SITE:
        for line in site.printed(name).splitlines():
            if line.startswith("{"):
                assert json.loads(line)["level"] != "CRITICAL", line
        assert "Traceback" not in site.printed(name), site.printed(name)
    assert "permission denied" not in site.printed("worker")


def test_what_was_backed_up_is_there_after_a_restore(
    site: WholeSite, secret: str, tmp_path: Path
) -> None:
    assert answers(site, secret)
    programs = {"PATH": f"{whole_site.postgres_programs()}:/usr/bin:/bin"}
    site.manage("backup", str(tmp_path), **programs)

    said = site.manage("restore_check", str(tmp_path), **programs)

    assert "all agree" in said
    # The drill of docs/deploy.md: everything stops, the database and the pictures are replaced.
    for name in SITE:
        site.kill(name)
    [backup] = tmp_path.iterdir()
    shutil.rmtree(site.folder / "data" / "media", ignore_errors=True)
    whole_site.restore(site, backup)
    site.prepare()  # as the start of all does: grants are no part of a backup
    for name in SITE:
        site.start(name)
    wait_for(lambda: answers(site, secret))
    assert "all agree" in site.manage("check_ledger")
