"""How people find a model: search, filters, order, pages, and the chart of them all."""
