"""What a call's job causes after its answer is part of the call's trace."""

from catalog.infrastructure import tracing
from config.watching.otlp import Export
from inference import jobs
from inference.models import Webhook
from tests.fakes.watching.collector import Collector
from tests.inference.webhooks.conftest import URL, Send, Submit


def test_a_delivery_is_a_span_of_the_call_whose_job_has_ended(
    submit: Submit,
    hers: jobs.Requester,
    hook: tuple[Webhook, str],
    send: Send,
    collector: Collector,
    export: Export,
) -> None:
    with tracing.request_span("") as span:
        span.update_name("call")
        job = submit(by=hers)
    jobs.cancel(job)

    assert send() == 1

    export.provider.force_flush()
    spans = {span.name: span for span in collector.spans}
    assert spans["webhook.post"].parent == spans["call"].id
    assert spans["webhook.post"].trace == spans["call"].trace
    assert URL.encode() not in b"".join(collector.bodies)


def test_a_delivery_of_no_traced_call_is_no_span(
    submit: Submit,
    hers: jobs.Requester,
    hook: tuple[Webhook, str],
    send: Send,
    collector: Collector,
    export: Export,
) -> None:
    jobs.cancel(submit(by=hers))

    assert send() == 1

    export.provider.force_flush()
    assert collector.spans == []
