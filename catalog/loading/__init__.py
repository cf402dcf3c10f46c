"""How model cards come from the fixtures into the database."""
