"""The environment of an attacked site: a production site's, but without HTTPS."""

SETTINGS = "bench.abuse.settings"


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
