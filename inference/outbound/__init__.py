"""The only way out to addresses that strangers name: pictures behind URLs, and webhooks.

    from inference.outbound import fetch_queue           # in the web process: a worker connects
    from inference.outbound.fetcher import fetch_image   # in the worker

ip_addresses and targets say what may be reached at all, client connects to nothing else.
docs/adr/0010-fetching-image-urls.md says why it is our own; docs/fetching.md how to run it.
"""
