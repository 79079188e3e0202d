"""The permission matrix: the reviewed tables, the callers, and the calls themselves.

`api.txt` and `pages.txt` hold the answer of every route to every caller, by method and by the owner
of the object. tests/test_matrix.py makes each of these calls.
"""
