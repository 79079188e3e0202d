"""Who may do what: the reviewed tables, who calls, and the calls themselves.

`api.txt` and `pages.txt` say what every caller gets of every route, by method and by whose the
object is. tests/test_matrix*.py make each of these calls.
"""
