"""PostgreSQL as Django has it, with an end to every wait."""
