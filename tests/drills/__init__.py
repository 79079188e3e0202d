"""Drills: tests that kill, break or flood the server, wait for real time, or measure.

`make drill` runs the files drill_*.py at full size on both databases. `make drill-short` runs each
file once at a small size. `make test` collects none of them. The body of a drill stands in a module
of this package and takes a size. A claim that needs no kill and no clock has a test instead.
"""
