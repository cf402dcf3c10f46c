"""Model cards: what a model is, and what is known of it."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from catalog import patches, pricing
from catalog.models.card_queries import ModelCardQuerySet
from catalog.models.choices import CommercialUse, Loader, Stage, Task
from catalog.pricing.sql import price_in_sql
from catalog.search_text import simple_names, simple_words


class ModelCard(models.Model):
    """One model of the catalog. Figures left empty are unknown, and shown as such.

    Where a figure was read, and when, stands in its `Provenance` row.
    """

    repo = models.CharField("repo id", max_length=200, unique=True, help_text="owner/name")
    name = models.CharField(max_length=120)
    family = models.CharField(max_length=60, blank=True)
    task = models.CharField(max_length=40, choices=Task, default=Task.ZERO_SHOT_IMAGE)
    stage = models.CharField(max_length=20, choices=Stage, default=Stage.REQUESTED)
    is_stand_in = models.BooleanField("is the stand-in", default=False)
    successor = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="predecessors",
        help_text="what to use instead, once this one is deprecated or retired",
    )

    known_as = models.TextField(
        "also known as", blank=True, help_text="names that people search for, one a line"
    )
    released = models.DateField(null=True, blank=True, help_text="by its authors; month precision")
    open_clip_since = models.DateField(
        "listed in OpenCLIP since", null=True, blank=True, help_text="month precision"
    )
    published = models.DateField(
        null=True, blank=True, help_text="on Hugging Face; month precision"
    )
    updated = models.DateField(null=True, blank=True, help_text="month precision")

    summary = models.CharField(max_length=200)
    summary_is_generated = models.BooleanField(
        default=False, help_text="made from the figures, not yet written by anybody"
    )
    about = models.TextField(blank=True, help_text="Markdown")
    best_for = models.JSONField(default=list, blank=True)
    limits = models.JSONField(default=list, blank=True)

    loader = models.CharField(max_length=20, choices=Loader)
    open_clip_model = models.CharField(
        max_length=80, blank=True, help_text="the architecture's name in open_clip"
    )
    revision = models.CharField(
        max_length=40, blank=True, help_text="commit of the weights on the hub; empty: not pinned"
    )

    tasks = models.CharField(max_length=200, blank=True)
    architecture = models.CharField(max_length=200, blank=True)
    training_data = models.CharField(max_length=300, blank=True)
    training_pairs = models.BigIntegerField(null=True, blank=True, help_text="image-text pairs")
    pool_size = models.BigIntegerField(null=True, blank=True, help_text="pairs before the filter")
    samples_seen = models.BigIntegerField(null=True, blank=True, help_text="in training")
    fine_tuned_on = models.CharField(max_length=120, blank=True)
    distilled_from = models.CharField(max_length=120, blank=True)
    languages = models.PositiveIntegerField(
        null=True, blank=True, help_text="of the training data; 1 is English"
    )
    paper_title = models.CharField(max_length=300, blank=True)
    paper_year = models.PositiveIntegerField(null=True, blank=True)
    paper_arxiv = models.CharField(max_length=20, blank=True, help_text="arXiv id")
    license = models.CharField(
        max_length=60, blank=True, help_text="of the weights, as their authors state it"
    )
    license_reported = models.CharField(
        max_length=60, blank=True, help_text="of the weights, by somebody else's record"
    )
    license_conflicting = models.CharField(
        max_length=60, blank=True, help_text="what another record says against the license"
    )
    commercial_use = models.CharField(
        max_length=3, choices=CommercialUse, blank=True, help_text="as the authors state it"
    )
    use_limits = models.CharField(
        max_length=200, blank=True, help_text="what the authors advise against"
    )
    stated_parameters = models.CharField(max_length=20, blank=True)
    parameters = models.BigIntegerField(null=True, blank=True)
    image_gflops = models.FloatField(null=True, blank=True, help_text="GFLOP an image")
    text_gflops = models.FloatField(null=True, blank=True, help_text="GFLOP a text of full length")
    image_size = models.PositiveIntegerField(null=True, blank=True, help_text="pixels a side")
    patch_size = models.PositiveIntegerField(null=True, blank=True, help_text="pixels a side")
    embed_dim = models.PositiveIntegerField(null=True, blank=True)
    context_length = models.PositiveIntegerField(null=True, blank=True, help_text="tokens")
    image_layers = models.PositiveIntegerField(null=True, blank=True)
    image_width = models.PositiveIntegerField(null=True, blank=True)
    image_heads = models.PositiveIntegerField(null=True, blank=True)
    text_layers = models.PositiveIntegerField(null=True, blank=True)
    text_width = models.PositiveIntegerField(null=True, blank=True)
    text_heads = models.PositiveIntegerField(null=True, blank=True)
    imagenet_top1 = models.FloatField(null=True, blank=True, help_text="zero-shot, percent")
    authors_imagenet_top1 = models.FloatField(
        null=True, blank=True, help_text="zero-shot, percent, as the authors measured it"
    )
    downloads_per_month = models.BigIntegerField(null=True, blank=True)
    api_providers = models.PositiveIntegerField(null=True, blank=True)
    est_price_nano_usd_per_image = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="stated by the original page"
    )
    launch_price_nano_usd_per_image = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="frozen by the launch"
    )
    launch_price_nano_usd_per_token = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="of new texts, frozen by the launch; 0: texts are free"
    )
    launch_price_nano_usd_per_text = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="in place of the price of a token: of models launched before there was one",
    )
    measured_images_per_s = models.FloatField(
        null=True, blank=True, help_text="by the last benchmark"
    )
    measured_usd_per_hour = models.FloatField(
        null=True, blank=True, help_text="what that hardware costs"
    )
    likes = models.PositiveIntegerField(null=True, blank=True, help_text="on the hub")

    # What is to come stands on the card, so that no call and no page asks another table for it.
    # `ModelNotice` has who announced it, and who was mailed.
    deprecated_at = models.DateTimeField(null=True, blank=True, editable=False)
    shutdown_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_price_nano_usd_per_image = models.PositiveBigIntegerField(
        null=True, blank=True, editable=False
    )
    next_price_nano_usd_per_token = models.PositiveBigIntegerField(
        null=True, blank=True, editable=False
    )
    next_price_at = models.DateTimeField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    # The page's age, for the sitemap and the share card: an UPDATE has to set it by itself.
    changed_at = models.DateTimeField(auto_now=True)
    fixture_sha256 = models.CharField(
        max_length=64, blank=True, editable=False, help_text="of the document last loaded"
    )
    # Both are kept by PostgreSQL, so that no UPDATE can leave them behind.
    search_text = models.GeneratedField(
        expression=simple_words(
            "repo",
            "name",
            "family",
            "open_clip_model",
            "architecture",
            "training_data",
            "license",
            "known_as",
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    search_names = models.GeneratedField(
        expression=simple_names("repo", "name", "family", "open_clip_model", "known_as"),
        output_field=models.TextField(),
        db_persist=True,
    )
    nano_usd_per_image = models.GeneratedField(
        expression=price_in_sql(), output_field=models.BigIntegerField(null=True), db_persist=True
    )

    objects = ModelCardQuerySet.as_manager()

    class Meta:
        indexes = [
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="card_search"),
            GinIndex(fields=["search_names"], opclasses=["gin_trgm_ops"], name="card_names"),
            # Each search asks whether some card changed.
            models.Index(fields=["changed_at"], name="card_changed_at"),
        ]
        constraints = [
            # Ids stand in addresses, queue names and folder names.
            models.CheckConstraint(
                condition=Q(repo__regex=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$"),
                name="card_repo_is_owner_and_name",
            ),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="card_stage_is_known"),
            models.CheckConstraint(
                condition=Q(loader=Loader.CONSE) | ~Q(open_clip_model=""),
                name="card_clip_names_its_architecture",
            ),
            models.CheckConstraint(
                condition=Q(
                    launch_price_nano_usd_per_image__isnull=True,
                    launch_price_nano_usd_per_token__isnull=True,
                    launch_price_nano_usd_per_text__isnull=True,
                )
                | Q(
                    launch_price_nano_usd_per_image__isnull=False,
                    launch_price_nano_usd_per_token__isnull=False,
                    launch_price_nano_usd_per_text__isnull=True,
                )
                | Q(
                    launch_price_nano_usd_per_image__isnull=False,
                    launch_price_nano_usd_per_token__isnull=True,
                    launch_price_nano_usd_per_text__isnull=False,
                ),
                name="card_launch_prices_are_whole",
                violation_error_message="A launch sets the price of an image, and of either a"
                " token or a text.",
            ),
            models.CheckConstraint(
                condition=Q(shutdown_at__isnull=True) | Q(deprecated_at__isnull=False),
                name="card_is_deprecated_before_its_shutdown",
            ),
            models.CheckConstraint(
                condition=Q(
                    next_price_nano_usd_per_image__isnull=True,
                    next_price_nano_usd_per_token__isnull=True,
                    next_price_at__isnull=True,
                )
                | Q(
                    next_price_nano_usd_per_image__isnull=False,
                    next_price_nano_usd_per_token__isnull=False,
                    next_price_at__isnull=False,
                ),
                name="card_next_price_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(successor=F("pk")),
                name="card_is_not_its_own_successor",
                violation_error_message="A model cannot be its own successor.",
            ),
        ]

    def __str__(self) -> str:
        return self.repo

    def get_absolute_url(self) -> str:
        return reverse("model", args=self.repo.split("/"))

    @property
    def owner(self) -> str:
        return self.repo.partition("/")[0]

    @property
    def short_name(self) -> str:
        return self.repo.partition("/")[2]

    @property
    def status(self) -> Stage:
        return Stage(self.stage)

    @property
    def is_coming_soon(self) -> bool:
        return self.status.is_coming_soon

    @property
    def use_instead(self) -> "ModelCard | None":
        """What to move to: never from a model that stays, nor to one that leaves itself."""
        if not self.status.is_leaving or self.successor is None:
            return None
        return None if self.successor.status.is_leaving else self.successor

    @property
    def queue(self) -> str:
        """The Celery queue of this model's workers: `clip.openai.clip-vit-large-patch14`."""
        # No dot in the owner's part: else a.b/c and a/b.c would share a queue.
        return f"clip.{self.owner.replace('.', '%2E')}.{self.short_name}"

    @property
    def price(self) -> pricing.Price | None:
        # `nano_usd_per_image` is the same figure, for the database to sort and filter by.
        return pricing.price_of(
            pricing.Known(
                launch_nano_usd=self.launch_price_nano_usd_per_image,
                launch_token_nano_usd=self.launch_price_nano_usd_per_token,
                launch_text_nano_usd=self.launch_price_nano_usd_per_text,
                stated_nano_usd=self.est_price_nano_usd_per_image,
                images_per_s=self.measured_images_per_s,
                hardware_usd_per_hour=self.measured_usd_per_hour,
                image_gflops=self.image_gflops,
                text_gflops=self.text_gflops,
                context_length=self.context_length,
            )
        )

    @property
    def next_price(self) -> pricing.Price | None:
        """What it costs from `next_price_at` on; None if no change is announced."""
        image, token = self.next_price_nano_usd_per_image, self.next_price_nano_usd_per_token
        if image is None or token is None:
            return None
        return pricing.Price(image, token, pricing.Basis.LAUNCH, {})

    @property
    def most_tokens(self) -> int:
        """Of one text: the model reads no more."""
        return self.context_length or pricing.USUAL_CONTEXT_LENGTH

    @property
    def most_nano_usd_per_text(self) -> int:
        """What a new text that fills the context costs; 0 without a price."""
        price = self.price
        if price is None:
            return 0
        return price.nano_usd_per_text + price.nano_usd_per_token * self.most_tokens

    @property
    def activation(self) -> str:
        """What makes scores of logits: "sigmoid", each label by itself (SigLIP and its kin, which
        have a bias); "softmax", over all labels; "" where only the weights can tell.
        """
        architecture = self.open_clip_model.lower()
        if "siglip" in architecture:
            return "sigmoid"
        return "" if architecture.startswith("hf-hub:") else "softmax"

    @property
    def is_priced(self) -> bool:
        # Keys call nothing that would be free for want of a figure.
        return self.is_stand_in or (self.price is not None and self.price.is_whole)

    @property
    def patch_grid(self) -> int | None:
        """Patches a side: 16 for 224 px in patches of 14. None for towers without patches."""
        return patches.grid_side(self.image_size, self.patch_size)


class Alias(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=200, help_text="owner/name")

    class Meta:
        verbose_name_plural = "aliases"
        constraints = [
            models.UniqueConstraint(Lower("name"), name="alias_unique_ignoring_case"),
        ]

    def __str__(self) -> str:
        return self.name
