"""The chart of the catalog: axes, families, labels, and where each model lies."""
