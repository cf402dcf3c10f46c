"""People find the model they mean by what they call it: the first hit of each query."""

from datetime import timedelta
from fnmatch import fnmatchcase
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.finding import browse, search, vocabulary
from catalog.models import CommercialUse, ModelCard, licenses
from tests.conftest import make_card

# What is typed, and the repo id (or its pattern) that comes first.
FIRST_HITS = {
    "datacomp l14": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "clip large patch 14": "openai/clip-vit-large-patch14",
    "clip-large-patch14": "openai/clip-vit-large-patch14",
    "big g": "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    "bigG/14": "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    "vit big-g": "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    "b/32": "openai/clip-vit-base-patch32",
    "B16": "openai/clip-vit-base-patch16",
    "rn50": "timm/resnet50_clip.openai",
    "ResNet-50": "timm/resnet50_clip.openai",
    "resnet50x4": "timm/resnet50x4_clip.openai",
    "rn 101": "timm/resnet101_clip.openai",
    "laoin": "laion/*",
    "sigip": "timm/*SigLIP*",
    "siglip": "timm/ViT-*SigLIP*",
    "siglip2": "timm/*SigLIP2*",
    "sig lip 2": "timm/*SigLIP2*",
    "vitl14": "openai/clip-vit-large-patch14",
    "ViT-L/14": "openai/clip-vit-large-patch14",
    "vit_l_14": "openai/clip-vit-large-patch14",
    "openai vit large": "openai/clip-vit-large-patch14*",
    "openai": "openai/*",
    "open ai clip b32": "openai/clip-vit-base-patch32",
    "clip-vit-base-patch32": "openai/clip-vit-base-patch32",
    "OPENAI/CLIP-VIT-BASE-PATCH16": "openai/clip-vit-base-patch16",
    "336": "openai/clip-vit-large-patch14-336",
    "L/14@336px": "openai/clip-vit-large-patch14-336",
    "clip l14 336px": "openai/clip-vit-large-patch14-336",
    "siglip 384px": "timm/*SigLIP*384",
    "so400m 384": "timm/ViT-SO400M-14-SigLIP-384",
    "siglip2 so400m 16 512": "timm/ViT-SO400M-16-SigLIP2-512",
    "siglip b16": "timm/ViT-B-16-SigLIP",
    "siglip2 large 512x512": "timm/ViT-L-16-SigLIP2-512",
    "g-opt": "timm/ViT-gopt-16-SigLIP2-*",
    "h14 laion": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "huge patch14 laion": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "laion2b l14": "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
    "laion 400m b32": "timm/vit_base_patch32_clip_224.laion400m_e3*",
    "datacmp b16": "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
    "data comp xl l/14": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "dfn": "apple/DFN*",
    "dfn5b 378": "apple/DFN5B-CLIP-ViT-H-14-378",
    "apple mobile clip s2": "apple/MobileCLIP-S2-OpenCLIP",
    "mobileclip2 s4": "timm/MobileCLIP2-S4-OpenCLIP",
    "mobilclip": "*/MobileCLIP*",
    "eva02 e/14+": "timm/eva02_enormous_patch14_plus_clip_224.laion2b_s9b_b144k",
    "EVA-02 large 336": "timm/eva02_large_patch14_clip_336.merged2b_s6b_b61k",
    "eva2 l14": "timm/eva02_large_patch14_clip_*",
    "metaclip h14": "timm/vit_huge_patch14_clip_224.metaclip_2pt5b",
    "meta clip 2": "timm/*metaclip2_worldwide",
    "perception encoder": "timm/PE-Core-*",
    "pe core l14": "timm/PE-Core-L-14-336",
    "convnext xxlarge": "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg*",
    "coca vit l-14": "laion/CoCa-ViT-L-14-laion2B-s13B-b90k",
    "vitamin xl 384": "jienengchen/ViTamin-XL-384px",
    "clipa bigg": "UCSC-VLAA/ViT-bigG-14-CLIPA*",
    "nllb": "visheratin/nllb-*",
    "14 large, openai": "openai/clip-vit-large-patch14*",
    "clip vit l/14 336": "openai/clip-vit-large-patch14-336",
    "vit-h": "*H-14*",
    "vit g 14": "laion/CLIP-ViT-g-14-*",
    "ViT-bigG-14 laion2b": "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    "xlm roberta": "laion/*xlm-roberta*",
    "xlm-roberta large": "laion/CLIP-ViT-H-14-frozen-xlm*",
    "google/siglip-so400m-patch14-384": "timm/ViT-SO400M-14-SigLIP-384",
    "google/siglip2-base-patch16-224": "timm/ViT-B-16-SigLIP2",
    "siglip-base-patch16-224": "timm/ViT-B-16-SigLIP",
    "google/siglip-large-patch16-384": "timm/ViT-L-16-SigLIP-384",
    "google/siglip2-so400m-patch16-512": "timm/ViT-SO400M-16-SigLIP2-512",
    "facebook/metaclip-h14-fullcc2.5b": "timm/vit_huge_patch14_clip_224.metaclip_2pt5b",
    "laion/CLIP-ViT-H-14": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "facebook/PE-Core-L14-336": "timm/PE-Core-L-14-336",
    "PE-Core-G14-448": "timm/PE-Core-bigG-14-448",
    "mobileclip s0": "timm/MobileCLIP2-S0-OpenCLIP",
    "mobileclip-b lt": "apple/MobileCLIP-B-LT-OpenCLIP",
    "vitamin": "jienengchen/*",
    "ViTamin-L2": "jienengchen/ViTamin-L2*",
    "eva clip": "timm/eva*",
    "EVA02-CLIP-L-14-336": "timm/eva02_large_patch14_clip_336*",
    "convnext base": "laion/*convnext_base*",
    "convnext large 320": "laion/CLIP-convnext_large_d_320*",
    "cc12m": "timm/resnet50_clip.cc12m",
    "commonpool xl": "laion/*CommonPool.XL*",
    "mrl": "visheratin/*mrl*",
    "matryoshka": "visheratin/*mrl*",
    "512px": "timm/*512",
    "patch32": "*32*",
    "ViT-B-32-quickgelu": "openai/clip-vit-base-patch32",
    "captioning": "laion/*CoCa*",
    "coca mscoco": "laion/mscoco*",
    "clip base": "openai/clip-vit-base*",
    "clip huge": "*H-14*",
    "L14 DataComp XL": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "openclip vit b 32": "laion/CLIP-ViT-B-32*",
    "open_clip h/14": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "siglip base 224": "timm/ViT-B-16-SigLIP",
    "siglip large 384": "timm/ViT-L-16-SigLIP-384",
    "metaclip bigg": "timm/vit_gigantic_patch14_clip_224.metaclip_2pt5b",
    "metaclip 400m b32": "timm/vit_base_patch32_clip_224.metaclip_400m",
    "worldwide": "timm/*worldwide",
    "eva enormous": "timm/eva02_enormous*",
    "dfn vit-l": "apple/DFN2B*L-14*",
    "dfn2b l14 39b": "apple/DFN2B-CLIP-ViT-L-14-39B",
    "laion400m l/14 e32": "timm/vit_large_patch14_clip_224.laion400m_e32",
    "vit b 16 plus 240": "timm/vit_base_patch16_plus_clip_240*",
    "b/16+": "timm/vit_base_patch16_plus_clip_240*",
    "RN50x64": "timm/resnet50x64_clip.openai",
    "rn50x16 openai": "timm/resnet50x16_clip.openai",
    "resnet clip": "timm/resnet*openai",
    "clip rn-50": "timm/resnet50_clip.openai",
    "clip vit larg patch14": "openai/clip-vit-large-patch14",
    "opnai": "openai/*",
    "opneai clip": "openai/*",
    "vit lagre 14": "openai/clip-vit-large-patch14",
    "dataconp l14": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "mobileclpi": "*MobileCLIP*",
    "siglp2": "timm/*SigLIP2*",
    "convnxt": "laion/*convnext*",
    "metaclp": "timm/*metaclip*",
    "openclip": "laion/*",
    "laion": "laion/*",
    "vit-l14 336 openai": "openai/clip-vit-large-patch14-336",
    "bigg": "laion/CLIP-ViT-bigG*",
    "giant": "laion/CLIP-ViT-g-14*",
    "h/14": "laion/CLIP-ViT-H-14-laion2B*",
    "g14": "laion/CLIP-ViT-g-14*",
    "dfn h14": "apple/DFN5B-CLIP-ViT-H-14",
    "clipa l14": "UCSC-VLAA/ViT-L-14-CLIPA-datacomp1B",
    "coca": "laion/CoCa*",
    "original clip": "openai/*",
    "clip-ViT-B-32": "openai/clip-vit-base-patch32",
    "commercial use siglip": "timm/*SigLIP*",
    "apple research license": "apple/*",
    "vit l 14 datacomp 1b": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "laion aesthetic": "laion/*aesthetic*",
    "siglip i18n": "timm/*i18n*",
    "ViT-SO400M-14-SigLIP-384": "timm/ViT-SO400M-14-SigLIP-384",
    "timm/ViT-B-16-SigLIP": "timm/ViT-B-16-SigLIP",
    "so400m": "timm/ViT-SO400M*",
    "shape optimized": "timm/ViT-SO400M*",
    "data filtering networks": "apple/DFN*",
    "clip.vit.large.patch14": "openai/clip-vit-large-patch14",
    "patch14 large clip": "openai/clip-vit-large-patch14",
    "meta": "timm/*",
    "google siglip": "timm/*SigLIP*",
    "apple": "apple/*",
    "eva g": "timm/eva_giant*",
    "evaclip": "timm/eva*",
    "vitb32": "openai/clip-vit-base-patch32",
    "vitb16": "openai/clip-vit-base-patch16",
    "vith14": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    "clipvitl14": "openai/clip-vit-large-patch14",
    "clip-l": "openai/clip-vit-large-patch14",
    "CLIP L": "openai/clip-vit-large-patch14",
    "open clip big g 14": "laion/CLIP-ViT-bigG*",
    "laion h": "laion/*H-14*",
    "ft soup": "laion/*soup",
}
NOT_IN_THE_CATALOG = [
    "blip",
    "dinov2",
    "llama",
    "flava",
    "imagebind",
    "florence",
    "stable diffusion",
    "whisper",
    "siglip3",
    "openai siglip",
    "altclip",
    "gpt-4",
    "resnet152",
    "sentence-transformers/clip-ViT-L-14",
]


def hits(typed: str) -> list[ModelCard]:
    return browse.Query.read({"q": typed}).page(ModelCard.objects.real()).cards


@pytest.mark.parametrize(("typed", "wanted"), FIRST_HITS.items())
def test_the_model_that_people_mean_comes_first(catalog: None, typed: str, wanted: str) -> None:
    cards = hits(typed)

    assert cards, "nothing found"
    assert fnmatchcase(cards[0].repo, wanted), [card.repo for card in cards[:3]]


@pytest.mark.parametrize("typed", NOT_IN_THE_CATALOG)
def test_another_model_is_not_taken_for_one_of_ours(catalog: None, typed: str) -> None:
    assert hits(typed) == []


@pytest.mark.parametrize(
    ("typed", "license_id"),
    [("apache", "apache-2.0"), ("Apache 2.0", "apache-2.0"), ("mit license vit h", "mit")],
)
def test_a_license_is_a_word_to_search_by(catalog: None, typed: str, license_id: str) -> None:
    cards = hits(typed)

    assert cards
    assert {card.license.lower() for card in cards} == {license_id}


@pytest.mark.parametrize("typed", ["noncommercial", "non-commercial use", "research only license"])
def test_commercial_use_is_a_word_to_search_by(catalog: None, typed: str) -> None:
    for card in hits(typed):
        stated = card.commercial_use or licenses.find(card.license).commercial_use
        assert stated == CommercialUse.NO, card.repo
    assert hits("noncommercial")


def test_commercial_is_never_what_no_license_says(catalog: None) -> None:
    for card in hits("siglip commercial use"):
        assert licenses.find(card.license).commercial_use == CommercialUse.YES
        assert card.commercial_use != CommercialUse.NO


@pytest.mark.parametrize("typed", ["multilingual", "clip for german", "chinese"])
def test_a_language_finds_models_of_several(catalog: None, typed: str) -> None:
    cards = hits(typed)

    assert cards
    assert all((card.languages or 0) > 1 or "multilingual" in card.known_as for card in cards)


def test_words_that_say_nothing_find_everything_or_nothing_less(catalog: None) -> None:
    assert [card.repo for card in hits("model for siglip b16")] == [
        card.repo for card in hits("siglip b16")
    ]
    assert hits("models")


@pytest.mark.parametrize("mark", [" ", "-", "_", "/", ".", ", "])
def test_any_separator_and_any_case_will_do(catalog: None, mark: str) -> None:
    typed = mark.join(["CLIP", "ViT", "L", "14", "336"])

    assert hits(typed)[0].repo == "openai/clip-vit-large-patch14-336"


def test_a_card_that_is_added_is_found_with_its_typing_mistakes(db: None) -> None:
    make_card("lab/zebrafinch-large", name="Zebrafinch")
    assert hits("zebrafnich")[0].repo == "lab/zebrafinch-large"

    make_card("lab/quokka", name="Quokka", known_as="happy marsupial\nqk-1")

    assert [card.repo for card in hits("qoukka")] == ["lab/quokka"]
    assert [card.repo for card in hits("QK1")] == ["lab/quokka"]


def test_reading_a_query_asks_the_database_once(catalog: None) -> None:
    hits("laoin")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        search.read("laoin vitl14")

    assert len(queries) == 1


@pytest.mark.parametrize("typed", ["lab/unknown-model", 'x"><script>alert(1)</script>&y', "blïp 2"])
def test_an_empty_result_offers_to_request_the_model(
    catalog: None, client: Client, typed: str
) -> None:
    page = client.get("/models/", {"q": typed}).content.decode()

    assert f'href="/roadmap/request/?repo={quote(typed)}"' in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("german", "German"),
        ("Siglip für Français", "French"),
        ("chinese or japanes", "Chinese or Japanese"),
        ("clip deutsch german", "German"),
    ],
)
def test_a_search_for_a_language_says_what_it_finds(
    catalog: None, client: Client, typed: str, named: str
) -> None:
    page = " ".join(client.get("/models/", {"q": typed}).content.decode().split())

    assert f"search for {named} finds models trained on more than one language" in page


@pytest.mark.parametrize("typed", ["", "siglip", "multilingual", "english"])
def test_other_searches_say_nothing_of_languages(catalog: None, client: Client, typed: str) -> None:
    page = client.get("/models/", {"q": typed}).content.decode()

    assert "more than one language" not in " ".join(page.split())


def test_words_are_read_anew_only_when_some_card_has_others(catalog: None) -> None:
    before = vocabulary.current()
    card = ModelCard.objects.all()[0]

    card.downloads_per_month = 12_345
    card.save()
    after_a_count = vocabulary.current()
    card.known_as = "quokka"
    card.save()

    assert after_a_count is before
    assert not before.knows("quokka")
    assert vocabulary.current().knows("quokka")


def test_a_change_that_is_committed_late_is_seen_within_a_minute(catalog: None) -> None:
    newest, other = ModelCard.objects.order_by("-changed_at")[:2]
    vocabulary.current(now_s=100)

    # Its time was taken before the newest one's.
    ModelCard.objects.filter(pk=other.pk).update(
        known_as="quokka", changed_at=newest.changed_at - timedelta(seconds=5)
    )

    assert vocabulary.current(now_s=160).knows("quokka")


def test_words_of_a_deleted_card_are_forgotten_within_a_minute(db: None) -> None:
    card = make_card("lab/quokka", name="Quokka")
    make_card("lab/newer", name="Newer")
    assert vocabulary.current(now_s=100).knows("quokka")

    card.delete()

    assert not vocabulary.current(now_s=160).knows("quokka")
