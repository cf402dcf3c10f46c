"""Pictures from addresses that strangers name, and the only way out to such addresses.

    from inference.outbound.dispatch import by_worker    # in the web process: a worker connects
    from inference.outbound.fetcher import image         # in the worker

docs/adr/0010-fetching-image-urls.md says why it is our own; docs/fetching.md how to run it.
"""
