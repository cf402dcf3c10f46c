"""`make abuse`: each attack of bench.abuse.attacks in a bounded form, with a victim beside it.

Wanted of each: the victim has no errors, its p95 is less than twice that of an idle site and one
batch, web and worker take at most 300 MB more, nothing has to start anew, and the attack gets the
answers that docs/abuse.md names. Exit status 1: something of it does not hold.

This file only puts engines of its own, in a folder that goes afterwards, under
`manage.py attack_site`, which takes the options.
"""

import sys
from collections.abc import Sequence

from bench.abuse import far_hosts, pictures
from bench.faults.__main__ import on_own_engines

SETTINGS = "bench.abuse.settings"


def main(options: Sequence[str]) -> int:
    with far_hosts.serving(pictures.small_photo()) as far_port:
        environ = environment(far_port) | {"MODEL_DIR": ""}
        return on_own_engines("attack_site", options, environ)


def environment(far_port: int) -> dict[str, str]:
    """What attacks need of a site, on top of where its engines and files are."""
    return {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "BENCH_FAR_PORT": str(far_port),
        "FETCH_HTTP": "1",
        "DEBUG": "0",
        "HTTPS": "0",
        "SECRET_KEY": "bench-only-" + "x" * 50,
        "ALLOWED_HOSTS": "127.0.0.1",
        "EMAIL_URL": "",  # mail waits in the outbox, where codes are read
        "HUB_SYNC": "0",
        "GR_FAULTS": "",
        "PYTHONUNBUFFERED": "1",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
