"""The processes of compose.yaml, started as it says, on Debian's own PostgreSQL, Redis and Caddy.

Names of services become addresses of this machine; commands, environment and restarts are those of
the file. Whoever does not compute is started without the extra `worker`. The worker is one on a
machine that is trusted less, as docs/deploy.md has it: it knows the password of its own role, and
no secret of the site's.
"""

import os
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import yaml
from django.conf import settings

from tests.support import lean
from tests.support.site import free_port, wait_for

DEPLOY = Path(settings.BASE_DIR) / "deploy"
SITE = ("web1", "web2", "beat", "house", "fetch", "worker")
STANDINS = "gigarouter/conse-demo-small"
PASSWORD = secrets.token_hex(16)
WORKER_ROLE, WORKER_PASSWORD = "gigarouter_worker", secrets.token_hex(16)


def postgres_programs() -> Path | None:
    """The newest of Debian's; its programs are not on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts)
    return found[-1].parent if found else None


def missing_programs() -> list[str]:
    valkey = shutil.which("valkey-server") or shutil.which("redis-server")
    present = {
        "postgresql": postgres_programs(),
        "redis-server": valkey,
        "caddy": shutil.which("caddy"),
    }
    return [package for package, program in present.items() if not program]


@dataclass
class WholeSite:
    """`services` by the names of compose.yaml, what runs of them, and how to reach the site."""

    folder: Path
    mail_port: int
    ports: dict[str, int] = field(default_factory=dict)
    # Any: a YAML document.
    services: dict[str, Any] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    packages: Path = Path()

    @classmethod
    def of_compose(cls, folder: Path, mail_port: int) -> Self:
        services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        names = ("postgres", "valkey", "textcache", "web1", "web2", "https", "http")
        site = cls(folder, mail_port, {name: free_port() for name in names}, services)
        site.packages = lean.install(folder / "packages", "s3", "watching")
        return site

    # --- talking to it ----------------------------------------------------------------------------

    @property
    def address(self) -> str:
        return f"https://localhost:{self.ports['https']}"

    def client(self) -> httpx.Client:
        """Trusts the certificate that Caddy has made for itself, and no other."""
        authority = self.folder / "caddy" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        wait_for(authority.exists)
        trusted = ssl.create_default_context(cafile=authority)
        return httpx.Client(
            base_url=self.address, verify=trusted, timeout=70, headers={"Referer": self.address}
        )

    def manage(self, *arguments: str, **environ: str) -> str:
        """A command of the operator's; what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment("prepare") | environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # --- its processes ----------------------------------------------------------------------------

    def environment(self, name: str) -> dict[str, str]:
        example = (DEPLOY / "site.env.example").read_text().splitlines()
        pairs = [line.split("=", 1) for line in example if line and not line.startswith("#")]
        given = dict(pairs) | self._secrets() | self._environment_of(name)
        if name == "worker":
            given = self._of_a_worker_apart(given)
        environ = {key: self._here(str(value)) for key, value in given.items()}
        environ |= {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        environ |= {"DATA_DIR": str(self.folder / "data"), "PYTHONUNBUFFERED": "1", "LOG_JSON": "1"}
        if name not in {"worker", "prepare"}:
            environ |= lean.environment(self.packages)
        return environ

    def _environment_of(self, name: str) -> dict[str, object]:
        found: dict[str, object] = self.services[name].get("environment", {})
        return found

    def _secrets(self) -> dict[str, str]:
        return {
            "SECRET_KEY": "hX3q9LmZ2vT8kR5wY7nB4cJ6dF1gS0pA-uEiOxWzKQyVtHbNjM",
            "METRICS_TOKEN": "a-token-for-prometheus",
            "WORKER_DATABASE_ROLE": WORKER_ROLE,
            "SITE_HOST": "localhost",
            "ALLOWED_HOSTS": "localhost",
            "CSRF_TRUSTED_ORIGINS": self.address,
            "SITE_URL": self.address,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "OPERATOR_NAME": "Example",
            "CONTACT_EMAIL": "hello@lab.example",
            "MODELS": STANDINS,
            "WORKER_THREADS": "1",
            "DECODERS": "1",
        }

    def _of_a_worker_apart(self, given: Mapping[str, object]) -> dict[str, object]:
        """Of what the site is given, what docs/deploy.md says that its machine needs."""
        kept = ("REDIS_URL", "TEXT_CACHE_URL", "MODELS", "WORKER_THREADS", "DECODERS")
        return {name: given[name] for name in kept} | {
            "SECRET_KEY": "workers-7Yb2Qm5xT9cVhJ4kR8sWnE1gZpL6aUdF0iOw3-uKtXq",
            "DATABASE_URL": f"postgresql://{WORKER_ROLE}:{WORKER_PASSWORD}@postgres:5432/gigarouter",
        }

    def _here(self, text: str) -> str:
        """What compose makes of a line, with addresses of this machine."""
        text = text.replace("${POSTGRES_PASSWORD:?}", PASSWORD)
        # At once: this folder may lie in /tmp itself.
        places = {"/tmp/static": self.folder / "data" / "static", "/tmp": self.folder / "scratch"}
        text = re.sub(r"/tmp(/static\b)?(?=/|$)", lambda found: str(places[found[0]]), text)
        text = text.replace("${MODELS:-auto}", STANDINS).replace("172.30.0.0/24", "127.0.0.1/32")
        for name, port in (("postgres", 5432), ("valkey", 6379), ("textcache", 6379)):
            text = text.replace(f"{name}:{port}", f"127.0.0.1:{self.ports[name]}")
        return text

    def command(self, name: str) -> list[str]:
        words = [self._here(word) for word in self.services[name]["command"]]
        python = [sys.executable] if name in {"worker", "prepare"} else lean.PYTHON
        words = [each for word in words for each in (python if word == "python3" else [word])]
        if name in self.ports:
            here = {"0.0.0.0": "127.0.0.1", "8000": str(self.ports[name])}  # noqa: S104
            words = [here.get(word, word) for word in words]
        return [word.replace("python3 ", f"{sys.executable} ") for word in words]

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.command(name),
                cwd=settings.BASE_DIR,
                env=self.environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def prepare(self) -> None:
        self.start("prepare")
        assert self.running.pop("prepare").wait(timeout=400) == 0, self.printed("prepare")

    def is_up(self, name: str) -> bool:
        """Whether its process runs, and answers, if it is one that is asked."""
        if self.running[name].poll() is not None:
            return False
        if name not in {"web1", "web2"}:
            return True
        try:
            address = f"http://127.0.0.1:{self.ports[name]}/healthz"
            return httpx.get(address, headers={"Host": "localhost"}).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self, name: str) -> None:
        """As a machine does that has run out of memory; compose starts it again."""
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running[name].wait()
        assert self.services[name]["restart"] == "unless-stopped"

    def printed(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def running(site: WholeSite) -> Iterator[WholeSite]:
    """Start all in the order of `depends_on`; end all at the end."""
    for name in ("data", "scratch"):
        (site.folder / name).mkdir(exist_ok=True)
    with ExitStack() as ending:
        ending.enter_context(_postgres(site))
        ending.callback(_end, site)
        _start_stores(site)
        site.prepare()
        for name in SITE:
            site.start(name)
        _start_caddy(site)
        yield site


def _end(site: WholeSite) -> None:
    for process in site.running.values():
        if process.poll() is None:
            process.terminate()
    for process in site.running.values():
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start_stores(site: WholeSite) -> None:
    program = shutil.which("valkey-server") or shutil.which("redis-server") or ""
    for name in ("valkey", "textcache"):
        words = [program, *site.services[name]["command"][1:]]
        folder = site.folder / name
        folder.mkdir()
        words += ["--port", str(site.ports[name]), "--dir", str(folder), "--bind", "127.0.0.1"]
        with (site.folder / f"{name}.log").open("ab") as log:
            site.running[name] = subprocess.Popen(
                words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )


def _start_caddy(site: WholeSite) -> None:
    environ = {
        "SITE_HOST": "localhost",
        "HTTPS_PORT": str(site.ports["https"]),
        "HTTP_PORT": str(site.ports["http"]),
        "CADDY_ADMIN": "off",
        "WEB_PROCESSES": f"127.0.0.1:{site.ports['web1']} 127.0.0.1:{site.ports['web2']}",
        "XDG_DATA_HOME": str(site.folder / "caddy"),
        "XDG_CONFIG_HOME": str(site.folder / "caddy"),
        "HOME": str(site.folder),
    }
    command = ["caddy", "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    with (site.folder / "caddy.log").open("ab") as log:
        site.running["caddy"] = subprocess.Popen(
            command, env=environ, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


@contextmanager
def _postgres(site: WholeSite) -> Iterator[None]:
    """Debian's, which root may not run, with the user, password and database of compose.yaml."""
    programs = postgres_programs()
    assert programs is not None
    # Of its own and short: a socket's path has a limit, and the server's user must reach it.
    home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
    (home / "password").write_text(PASSWORD)
    (home / "password").chmod(0o644)
    initdb = [str(programs / "initdb"), "-D", str(home / "data"), "--username=gigarouter"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={home / 'password'}", "--encoding=UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=home, **account)
    options = ["-D", str(home / "data"), "-k", str(home), "-h", "127.0.0.1"]
    options += ["-p", str(site.ports["postgres"])]
    server = subprocess.Popen(
        [programs / "postgres", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home,
        **account,
    )
    try:
        _create_database(site, programs)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # without waiting for clients
        server.wait(timeout=30)
        shutil.rmtree(home, ignore_errors=True)


def _create_database(site: WholeSite, programs: Path) -> None:
    environ = {"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]}
    where = ["-h", "127.0.0.1", "-p", str(site.ports["postgres"]), "-U", "gigarouter"]
    succeeds(lambda: [str(programs / "createdb"), *where, "gigarouter"], environ)
    # Without a terminal it reads the password, and once more, from its input.
    subprocess.run(
        [str(programs / "createuser"), *where, "--pwprompt", WORKER_ROLE],
        input=f"{WORKER_PASSWORD}\n" * 2,
        env=environ,
        text=True,
        check=True,
        capture_output=True,
        start_new_session=True,
    )


def succeeds(command: Callable[[], list[str]], environ: dict[str, str]) -> None:
    end = time.monotonic() + 60
    while True:
        done = subprocess.run(command(), env=environ, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        assert time.monotonic() < end, done.stderr
        time.sleep(0.2)


def restore(site: WholeSite, backup: Path) -> None:
    """The commands of docs/deploy.md, "Restoring"."""
    programs = postgres_programs()
    assert programs is not None
    environ = {"PGPASSWORD": PASSWORD, "PATH": f"{programs}:/usr/bin:/bin", "PGUSER": "gigarouter"}
    environ |= {"PGHOST": "127.0.0.1", "PGPORT": str(site.ports["postgres"])}
    media = site.folder / "data" / "media"
    media.mkdir(parents=True)
    dump = str(backup / "database.dump")
    for command in (
        ["dropdb", "--force", "gigarouter"],
        ["createdb", "gigarouter"],
        ["pg_restore", "--no-owner", "--exit-on-error", "--dbname=gigarouter", dump],
        ["tar", "--extract", f"--file={backup / 'media.tar'}", f"--directory={media}"],
    ):
        subprocess.run(command, check=True, env=environ, capture_output=True)
