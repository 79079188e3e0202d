"""Data to measure under load: years of visits, written by COPY rather than by the verbs."""
