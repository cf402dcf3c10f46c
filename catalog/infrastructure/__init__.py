"""What every app needs of PostgreSQL, the cache and the broker, written once."""
