"""Demand: who wants which model, and what becomes of it."""
