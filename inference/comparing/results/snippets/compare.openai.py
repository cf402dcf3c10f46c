"""Compares models on a folder of photos through the API, and writes comparison.csv.

    pip install openai
    export GIGAROUTER_API_KEY=...
    python compare.py FOLDER

A photo whose folder is named like a label counts as one of it: FOLDER/a cat/1.jpg.
"""

import base64
import csv
import math
import os
import re
import sys
from pathlib import Path

from openai import APIStatusError, OpenAI

SITE = "http://127.0.0.1:8000"
LABELS = ["a cat", "a dog"]
COLUMNS = [
    {
        "title": "openai/clip-vit-base-patch32 (a photo of {})",
        "model": "openai/clip-vit-base-patch32",
        "hypothesis_template": "a photo of {}",
    },
]

PHOTOS_PER_CALL, BYTES_PER_CALL = 16, 8_000_000
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
PARTS = ["label", "score", "second", "second score", "right"]

client = OpenAI(base_url=f"{SITE}/v1", api_key=os.environ["GIGAROUTER_API_KEY"], max_retries=8)


def classify(column, paths):
    """For each photo its predictions, best first; None for a file that can't be read."""
    images = [{"image": base64.b64encode(path.read_bytes()).decode()} for path in paths]
    prompts = {name: value for name, value in column.items() if name != "title"}
    try:
        # not an OpenAI endpoint, so the client has no method for it
        answer = client.post(
            "/classify",
            cast_to=object,
            body={"input": images, "labels": LABELS, "top_k": 2, **prompts},
        )
    except APIStatusError as error:
        if error.status_code not in (400, 413, 422):  # not the fault of a photo
            raise
        if len(paths) > 1:  # one bad photo refuses its call: the others go alone
            return [rows for path in paths for rows in classify(column, [path])]
        print(f"{paths[0]}: {error.message}", file=sys.stderr)
        return [None]
    return [row["predictions"] for row in answer["data"]]


def batches(paths):
    batch, size = [], 0
    for path in paths:
        more = path.stat().st_size
        if batch and (len(batch) == PHOTOS_PER_CALL or size + more > BYTES_PER_CALL):
            yield batch
            batch, size = [], 0
        batch, size = [*batch, path], size + more
    if batch:
        yield batch


def plain(label):
    words = re.sub(r"[\s_-]+", " ", label.casefold()).strip()
    return re.sub(r"^(a|an|the) (?=.)", "", words)


def truth_of(path, folder):
    names = {plain(label): label for label in reversed(LABELS)}
    return names.get(plain(path.parent.name), "") if path.parent != folder else ""


def safe(text):
    """What a spreadsheet would take for a formula, behind an apostrophe."""
    return f"'{text}" if re.match(r"^\s*[=+\-@＝＋－＠\t\r\n]", text) else text


def values_of(predictions, truth):
    if not predictions:
        return [""] * len(PARTS)
    best, second = predictions[0], predictions[1] if len(predictions) > 1 else None
    return [
        safe(best["label"]),
        f"{best['score']:.6g}",
        safe(second["label"]) if second else "",
        f"{second['score']:.6g}" if second else "",
        ("yes" if best["label"] == truth else "no") if truth else "",
    ]


def wilson(right, of, z=1.959964):
    """The 95 % interval of a share (Wilson, 1927)."""
    share, spread = right / of, z * z / of
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    center = share + spread / 2
    return max(0, (center - half) / (1 + spread)), min(1, (center + half) / (1 + spread))


def main(folder):
    paths = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS),
        key=lambda path: path.relative_to(folder).as_posix(),
    )
    answers = []
    for column in COLUMNS:
        answers.append([rows for batch in batches(paths) for rows in classify(column, batch)])
    truths = [truth_of(path, folder) for path in paths]
    with Path("comparison.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        titles = [safe(f"{column['title']}: {part}") for column in COLUMNS for part in PARTS]
        writer.writerow(["photo", "truth", *titles])
        for index, (path, truth) in enumerate(zip(paths, truths, strict=True)):
            name = path.relative_to(folder).as_posix()
            values = [value for column in answers for value in values_of(column[index], truth)]
            writer.writerow([safe(name), safe(truth), *values])
    for column, of_column in zip(COLUMNS, answers, strict=True):
        both = zip(of_column, truths, strict=True)
        judged = [rows[0]["label"] == truth for rows, truth in both if rows and truth]
        if judged:
            low, high = wilson(sum(judged), len(judged))
            print(f"{column['title']}: {sum(judged)} of {len(judged)}, {low:.0%} to {high:.0%}")
    print(f"{len(paths)} photos: comparison.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
