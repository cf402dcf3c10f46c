"""What `make bench` prints: a line a case with its ratio to the bare loop of the same round."""

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

BARE = "bare, batch 16"
BARE_SINGLE = "bare, batch 1"
SERVED = "served, 32 clients"
ONE = "served, 1 client"

HEAD = (
    f"{'':<42}{'images/s':>10}{'ratio':>7}{'p50':>8}{'p95':>8}{'p99 ms':>8}{'cpu ms':>8}{'web':>6}"
    f"{'worker MB':>11}{'generator':>11}"
)

# One round: the figures of each case, by its name.
Round = Mapping[str, Mapping[str, Any]]


def ratios(rounds: Sequence[Round], name: str) -> list[float]:
    # Round by round: what slows the machine slows both.
    return [
        cases[name]["images_per_s"] / cases[BARE]["images_per_s"]
        for cases in rounds
        if name in cases and BARE in cases
    ]


def as_json(rounds: Sequence[Round], waiting: Mapping[str, Any], queue: Mapping[str, float]) -> str:
    names = rounds[0] if rounds else {}
    medians = {
        name: statistics.median(values) for name in names if (values := ratios(rounds, name))
    }
    figures = {"ratios": medians, "rounds": list(rounds), "waiting": waiting, "queue": queue}
    return json.dumps(figures, indent=1)


def as_text(rounds: Sequence[Round], waiting: Mapping[str, Any], queue: Mapping[str, float]) -> str:
    lines = [HEAD]
    lines += [_line(rounds, name) for name in (rounds[0] if rounds else {})]
    lines += ["", *_refusals(rounds), *_processor(rounds), *_single(rounds), *_of_waiting(waiting)]
    lines += _of_queue(queue)
    if values := ratios(rounds, SERVED):
        spread = f"   ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
        lines.append(f"ratios are medians over {len(rounds)} rounds{spread}")
        lines.append(f"served/bare at 32 clients: {statistics.median(values):.2f}")
    return "\n".join(lines)


def _line(rounds: Sequence[Round], name: str) -> str:
    ratio = ratios(rounds, name)
    return (
        f"{name:<42}{_middle(rounds, name, 'images_per_s'):>10}"
        f"{statistics.median(ratio) if ratio else 0:>7.2f}"
        f"{_middle(rounds, name, 'p50_ms'):>8}{_middle(rounds, name, 'p95_ms'):>8}"
        f"{_middle(rounds, name, 'p99_ms'):>8}"
        f"{_middle(rounds, name, 'cpu_ms'):>8}{_middle(rounds, name, 'web_mb', 0):>6}"
        f"{_middle(rounds, name, 'worker_mb', 0):>11}"
        f"{_middle(rounds, name, 'generator_share', 2):>11}"
    )


def _middle(rounds: Sequence[Round], name: str, figure: str, digits: int = 1) -> str:
    values = [cases[name].get(figure) for cases in rounds if name in cases]
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.{digits}f}" if known else ""


def _refusals(rounds: Sequence[Round]) -> list[str]:
    """Whatever was not answered by 200 is said: a refusal costs nothing and proves nothing."""
    return [
        f"NOT ALL ANSWERED  {name}: {case['statuses']} {case['refusal']}"
        for cases in rounds
        for name, case in cases.items()
        if set(case.get("statuses", {"200"})) != {"200"}
    ]


def _processor(rounds: Sequence[Round]) -> list[str]:
    """What an image costs in processor time, which other programs on the machine change less."""
    costs = [
        (cases[BARE]["cpu_ms"] / cases[SERVED]["cpu_ms"], cases[SERVED]["cpu_ms_by_process"])
        for cases in rounds
        if SERVED in cases and BARE in cases
    ]
    if not costs:
        return []
    parts = ", ".join(f"{name} {cost:.1f}" for name, cost in costs[-1][1].items())
    ratio = statistics.median(ratio for ratio, _ in costs)
    return [f"processor time of an image, bare/served at 32 clients: {ratio:.2f} (ms: {parts})"]


def _single(rounds: Sequence[Round]) -> list[str]:
    over = [
        cases[ONE]["p50_ms"] - cases[BARE_SINGLE]["p50_ms"]
        for cases in rounds
        if ONE in cases and BARE_SINGLE in cases and cases[ONE]["p50_ms"] is not None
    ]
    if not over:
        return []
    return [f"one client, p50 over the bare single image: {statistics.median(over):.1f} ms"]


def _of_waiting(waiting: Mapping[str, Any]) -> list[str]:
    if not waiting:
        return []
    return [
        f"model page beside {waiting['waiting']} waiting requests, p95:"
        f" {waiting['loaded_p95_ms']:.2f} ms, idle {waiting['idle_p95_ms']:.2f} ms,"
        f" ratio {waiting['ratio_p95']:.2f}; web {waiting['web_mb']:.0f} MB"
    ]


def _of_queue(queue: Mapping[str, float]) -> list[str]:
    return [
        f"{name} with {queue['waiting']:,.0f} jobs waiting: {queue[f'{name}_full_ms']:.2f} ms,"
        f" with none {queue[f'{name}_empty_ms']:.2f} ms, ratio {queue[f'{name}_ratio']:.2f}"
        for name in ("submit", "claim")
        if queue
    ]
