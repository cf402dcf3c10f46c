"""The page that asks which image fits a text: several images in, an order out."""
