"""The site that is attacked: a production site's settings, the stand-in model, one database."""

from collections.abc import Iterator
from io import StringIO

import psutil
import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from bench.abuse import far_hosts, pictures
from bench.abuse.__main__ import environment
from bench.abuse.campaign import Scene
from catalog.models import ModelCard, Stage
from tests.support import site as sites

MODEL = "gigarouter/conse-demo"


@pytest.fixture(scope="package")
def scene(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Rows stay until the last attack, so that no table is emptied beside a site that runs."""
    folder = tmp_path_factory.mktemp("abuse")
    with django_db_blocker.unblock(), far_hosts.serving(pictures.small_photo()) as far_port:
        with sites.running(folder, **environment(far_port)) as running:
            ModelCard.objects.filter(repo=MODEL).update(
                stage=Stage.LIVE,
                launch_price_nano_usd_per_image=5_000,
                launch_price_nano_usd_per_token=45,
            )
            running.wait_for_workers()
            port = int(running.address.rpartition(":")[2])
            supervisor = psutil.Process(running.process.pid)
            yield Scene(port, supervisor, MODEL, seconds=0, batch_images=1, is_short=True)
        call_command("flush", interactive=False, verbosity=0, stdout=StringIO())
        connection.close()
