"""What authors publish is shown with its source; what nobody states is unknown."""

import csv
import html

import pytest
from django.test import Client

from catalog.finding import browse
from catalog.models import CommercialUse, ModelCard, licenses
from catalog.standing import license_terms
from tests.conftest import FIXTURES, make_card

QUICKGELU = "timm/vit_base_patch32_clip_224.laion400m_e32"
DFN = "apple/DFN5B-CLIP-ViT-H-14-378"


def page_of(client: Client, repo: str, ending: str = "/") -> str:
    return html.unescape(client.get(f"/models/{repo}{ending}").content.decode())


def test_every_published_fact_is_on_its_card(catalog: None) -> None:
    with (FIXTURES / "facts.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if hasattr(ModelCard, row["field"])]
    cards = {card.repo: card for card in ModelCard.objects.all()}
    fields = {field.name: field for field in ModelCard._meta.fields}
    written = set(ModelCard.objects.written().values_list("repo", flat=True))

    for row in rows:
        if row["repo"] in written:
            continue
        field = fields[row["field"]]
        assert getattr(cards[row["repo"]], row["field"]) == field.to_python(row["value"]), row


def test_nearly_all_models_have_an_accuracy_and_the_rest_say_that_they_have_none(
    catalog: None, client: Client
) -> None:
    unknown = ModelCard.objects.real().filter(imagenet_top1=None)

    # Two MRL models, four of MetaCLIP 2, and one that nobody states a figure of.
    assert unknown.count() <= 7
    assert "not stated" in page_of(client, unknown[0].repo)


@pytest.mark.parametrize("ending", ["/", ".md", ".json"])
def test_the_authors_figure_and_openclips_run_are_both_shown(
    catalog: None, client: Client, ending: str
) -> None:
    text = page_of(client, QUICKGELU, ending)

    assert "60.24" in text
    assert "62.96" in text
    assert "without QuickGELU" in text
    assert "openclip_results.csv" in text
    assert "PRETRAINED.md" in text


def test_the_published_models_figure_counts_where_the_run_was_of_another(catalog: None) -> None:
    assert ModelCard.objects.get(repo=QUICKGELU).imagenet_top1 == 62.96


def test_the_authors_figure_has_a_line_of_its_own_only_where_it_is_another(
    catalog: None, client: Client
) -> None:
    card = ModelCard.objects.get(repo=QUICKGELU)
    assert "the authors' own figure" not in page_of(client, QUICKGELU)

    card.imagenet_top1 = 60.24
    card.save()

    assert "the authors' own figure" in page_of(client, QUICKGELU)


def test_doubts_stand_beside_their_figures(catalog: None, client: Client) -> None:
    assert "measured at 384 px" in page_of(client, "jienengchen/ViTamin-XL-384px")
    assert "this checkpoint takes 378 px" in page_of(client, "timm/ViT-SO400M-14-SigLIP2-378")


def test_a_license_that_others_report_allows_nothing(catalog: None, client: Client) -> None:
    card = ModelCard.objects.get(repo="jienengchen/ViTamin-L-384px")

    terms = license_terms.of(card)

    assert (card.license, card.license_reported) == ("", "mit")
    assert terms.commercial_use == "unknown"
    assert "Others report MIT" in page_of(client, card.repo)


def test_both_names_of_a_license_in_doubt_are_shown(catalog: None, client: Client) -> None:
    text = page_of(client, DFN)

    assert "Apple ML Research: whether commercial use is allowed is unknown to us." in text
    assert "Another record names a different license: Apple Sample Code." in text


def test_a_license_of_code_is_nobodys_license_of_weights(catalog: None) -> None:
    unknown = ModelCard.objects.get(repo="openai/clip-vit-base-patch16")

    assert license_terms.of(unknown).sentence == (
        "The license is unknown, and so is whether commercial use is allowed."
    )
    assert license_terms.of(unknown).field == ""


@pytest.mark.parametrize("use", ["allowed", "not-allowed", "unknown"])
def test_the_filter_by_commercial_use_says_what_the_pages_say(catalog: None, use: str) -> None:
    meaning = {"allowed": "yes", "not-allowed": "no", "unknown": "unknown"}[use]
    query = browse.Query.read({"commercial": use})

    cards = list(query.matching(ModelCard.objects.real()))

    assert cards
    assert {license_terms.of(card).commercial_use for card in cards} == {meaning}
    assert f"commercial={use}" in query.address()


def test_what_the_authors_say_counts_before_the_licenses_text(db: None) -> None:
    card = make_card("lab/strict", license="MIT", commercial_use=CommercialUse.NO)

    assert license_terms.of(card).sentence == "MIT: commercial use is not allowed."
    allowed = browse.Query(commercial="allowed").matching(ModelCard.objects.all())
    assert card not in allowed


def test_every_license_of_the_catalog_has_a_name(catalog: None) -> None:
    for name in ModelCard.objects.real().values_list("license", flat=True).distinct():
        assert not name or name.lower() in licenses.LICENSES


def test_names_for_people_stand_everywhere_with_the_id_below(catalog: None, client: Client) -> None:
    repo = "timm/eva02_enormous_patch14_plus_clip_224.laion2b_s9b_b144k"
    text = page_of(client, repo)

    assert "<title>EVA02-E/14+ (LAION-2B) · gigarouter</title>" in text
    assert repo in text
    assert client.get(f"/models/{repo}.json").json()["name"] == "EVA02-E/14+ (LAION-2B)"


def test_a_popular_name_leads_to_its_model_or_to_the_search(catalog: None, client: Client) -> None:
    one = client.get("/models/datacomp-1b-l14/")
    several = client.get("/models/vit-l-14/")

    assert one["Location"] == "/models/laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K/"
    assert several["Location"] == "/models/?q=vit-l-14"
    assert client.get("/models/no-such-name/").status_code == 404


def test_related_models_are_of_the_family_first(catalog: None) -> None:
    card = ModelCard.objects.get(repo="timm/ViT-B-16-SigLIP2")

    related = list(ModelCard.objects.related_to(card)[:6])

    assert {other.family for other in related} == {"SigLIP 2"}
