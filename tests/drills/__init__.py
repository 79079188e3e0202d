"""Drills: what kills, breaks, floods, waits for real time or measures.

`make drill` runs the files drill_*.py at full size on both databases, `make drill-short` each of
them once at a small size; `make test` collects none of them. What a drill does stands in a module
beside it that takes a size. The part of a claim that needs no kill and no clock is a test.
"""
