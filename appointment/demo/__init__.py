"""Demo data: two clinics with invented people, to try the project. Never in production."""
