"""`manage.py drain_directly REPO FOLDER`: the worker's own code on queued jobs, without Celery.

For each number on its input it queues that many paid jobs of one photo each, drains them, and
prints a line of JSON. The measure of what HTTP, Celery and the web process cost on top.
"""

import itertools
import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand

from accounts.models import User
from bench.engine import photos
from bench.engine.stage import PAYER
from catalog.models import ModelCard
from inference import images, jobs
from inference.kinds.embed import request as embed
from inference.models import Job
from inference.runtime.cpu import threads
from inference.worker import loop, served_models


class Command(BaseCommand):
    help = "Queue and drain as many jobs as each line of the input says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("repo")
        parser.add_argument("folder", type=Path)

    def handle(self, *, repo: str, folder: Path, **options: object) -> None:
        threads.wait_passively()
        card = ModelCard.objects.get(repo=repo)
        served_models.load([card])
        pictures = itertools.cycle([images.check(photo) for photo in photos.read(folder)])
        payer = User.objects.get(email=PAYER)
        for line in sys.stdin:
            _queue(card, list(itertools.islice(pictures, int(line))), payer)
            began = time.perf_counter()
            while loop.drain(served_models.get(card), worker="direct"):
                pass
            took_s = time.perf_counter() - began
            remaining = Job.objects.queued().filter(card=card).count()
            self.stdout.write(
                json.dumps({"images_per_s": int(line) / took_s, "remaining": remaining})
            )
            self.stdout.flush()


def _queue(card: ModelCard, pictures: list[images.ImageFile], payer: User) -> None:
    requester = jobs.Requester(payer.pk, None)
    for picture in pictures:
        jobs.submit(
            embed.job_request(card, [picture]),
            requester=requester,
            payer=payer,
        )
