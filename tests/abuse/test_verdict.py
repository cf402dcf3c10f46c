"""The report of `make abuse` names each promise that did not hold, and only those."""

from collections import Counter
from dataclasses import replace

from bench.abuse.attack import Outcome
from bench.abuse.attacks import ATTACKS
from bench.abuse.verdict import Report, Result, Seen
from bench.abuse.watch import Usage

IDLE = Seen.of(
    {
        "call": {"took_s": [0.1] * 20, "errors": 0, "statuses": {"200": 20}},
        "page": {"took_s": [0.01] * 20, "errors": 0, "statuses": {"200": 20}},
    }
)
HELD = Result(
    attack=ATTACKS[0],
    outcome=Outcome(Counter({"429": 3})),
    victim=IDLE,
    usage=Usage(idle_mb=400, peak_mb=450),
    spent_micro_usd=70,
    jobs={"succeeded": 1},
)


def report_of(result: Result) -> Report:
    return Report({False: IDLE, True: IDLE}, batch_s=0.2, results=[result])


def test_an_attack_that_nobody_noticed_holds() -> None:
    report = report_of(HELD)

    assert report.holds
    assert "NOT HELD" not in report.as_text()
    assert "3 x 429; jobs: 1 x succeeded" in report.as_text()


def test_each_broken_promise_is_named() -> None:
    results = {
        "2 errors for the victim": replace(HELD, victim=replace(IDLE, errors=2)),
        "calls took more than 0.40 s": replace(HELD, victim=replace(IDLE, call_p95_s=0.4)),
        "pages took more than 0.22 s": replace(HELD, victim=replace(IDLE, page_p95_s=0.22)),
        "more than 300 MB": replace(HELD, usage=Usage(idle_mb=400, peak_mb=701)),
        "started anew: worker": replace(HELD, usage=Usage(restarts=["worker"])),
        "a 429 without Retry-After": replace(
            HELD, outcome=Outcome(broken=["a 429 without Retry-After"])
        ),
    }

    for sentence, result in results.items():
        report = report_of(result)
        [line] = [line for line in report.as_text().splitlines() if line.startswith("NOT HELD")]
        assert sentence in line
        assert not report.holds


def test_the_percentile_is_of_what_was_sent() -> None:
    figures = {"took_s": [0.1] * 18 + [5.0, 6.0], "errors": 0, "statuses": {"200": 20}}

    seen = Seen.of({"call": figures, "page": figures})

    assert (seen.call_p95_s, seen.count) == (5.0, 20)


def test_a_server_error_and_an_unexpected_answer_are_broken_promises() -> None:
    outcome = Outcome(Counter({"200": 1, "503": 1, "closed": 1}))
    outcome.expect_no_server_error()
    outcome.expect_only("200", "closed")

    assert outcome.broken == ["answered 503", "answered 503, not only 200, closed"]
