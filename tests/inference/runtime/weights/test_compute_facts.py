"""`manage.py compute_facts` writes what nobody has published, and names what differs from that."""

import csv
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from catalog.models import ModelCard


def compute(path: Path, *names: str) -> tuple[list[dict[str, str]], str]:
    output = StringIO()
    call_command("compute_facts", path, only=list(names), stdout=output)
    with path.open(newline="") as file:
        return list(csv.DictReader(file)), output.getvalue()


def test_published_figures_are_not_written_again(catalog: None, tmp_path: Path) -> None:
    rows, output = compute(tmp_path / "computed.csv", "ViT-B-16-SigLIP", "RN50-quickgelu")

    assert {row["repo"] for row in rows} == {"timm/ViT-B-16-SigLIP"}
    assert {row["field"]: row["value"] for row in rows}["image_layers"] == "12"
    assert "image_gflops" not in {row["field"] for row in rows}
    assert "published as" not in output


def test_a_figure_that_differs_is_named(catalog: None, tmp_path: Path) -> None:
    ModelCard.objects.filter(repo="timm/resnet50_clip.openai").update(image_gflops=99.5)

    _, output = compute(tmp_path / "computed.csv", "RN50-quickgelu")

    assert "timm/resnet50_clip.openai: image_gflops published as 99.5, computed as" in output
