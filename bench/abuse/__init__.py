"""`make abuse`: one stranger's attacks on a site, and what its other callers notice of them."""
