"""Django's PostgreSQL backend, with a timeout for every wait."""
