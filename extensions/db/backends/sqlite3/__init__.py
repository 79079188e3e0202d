"""SQLite as Django has it, with its writers in turn."""
