"""A clinic full of invented people, for whoever tries the project out. Never in production."""
