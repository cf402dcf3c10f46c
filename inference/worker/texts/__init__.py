"""Texts of jobs: their vectors, by owner, and how many tokens they have."""
