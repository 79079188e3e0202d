"""What takes long on purpose: cases by the ten thousand, races by the thousand.

`make drill` runs the files drill_*.py here on both databases; `make test` collects none of them.
What a drill does stands in a module of its own that takes a size, and a test of the suite runs a
small one.
"""
