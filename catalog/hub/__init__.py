"""Keeping the catalog true: what the Hugging Face hub says of our models, day by day."""

SOURCE_SLUG = "hugging-face-hub"
