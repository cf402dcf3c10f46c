"""`make faults`: what may break, broken on purpose, and what must hold all the same."""
