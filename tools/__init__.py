"""What the software is made of: the lock, its audit, the bill of materials, and the mutants."""
