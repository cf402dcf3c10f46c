"""Models side by side: which ones, their facts, their accuracy on each dataset, their speed."""
