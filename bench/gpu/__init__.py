"""`make gpu-check`: what a GPU does with our models, in one run of a few minutes."""
