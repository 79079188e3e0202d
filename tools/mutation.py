"""mutmut, set up for this project: `tools.mutants` runs this within a copy of the project.

mutmut leaves decorated functions alone, and verbs are often decorated. So in the copy a function
stands bare, with `f = decorator(f)` after it, which means the same, and is mutated.
"""

# ruff: noqa: PLC0415  (mutmut reads its configuration when it is imported)

import ast
from collections.abc import Collection, Iterable
from typing import Any

PRAGMA = "  # pragma: no mutate block"
KNOWN = {"classmethod", "staticmethod"}  # these mutmut can mutate
ENOUGH_TESTS = 250
Function = ast.FunctionDef


def prepared(source: str, chosen: Collection[str]) -> str:
    """The module with its decorators called, and with none but the chosen functions to mutate.

    Without any chosen all are; what stands within a function goes with it.
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    inner = {id(child) for node in functions for child in ast.walk(node) if child is not node}
    # From the last line up, so that the numbers of those to come stay right.
    for function in sorted(functions, key=lambda one: -one.lineno):
        if chosen and function.name not in chosen and id(function) not in inner:
            lines[colon_line(function, lines) - 1] += PRAGMA
        elif function.decorator_list:
            call_decorators(function, lines)
    return "\n".join(lines) + "\n"


def call_decorators(function: Function, lines: list[str]) -> None:
    """Put `f = decorator(f)` after the function, and leave out the lines above it."""
    names = [ast.unparse(one) for one in function.decorator_list]
    if not KNOWN.isdisjoint(names):
        return
    wrapped = function.name
    for name in reversed(names):
        wrapped = f"{name}({wrapped})"
    indent = " " * function.col_offset
    lines.insert(function.end_lineno or 0, f"{indent}{function.name} = {wrapped}")
    del lines[function.decorator_list[0].lineno - 1 : function.lineno - 1]


def colon_line(function: Function, lines: list[str]) -> int:
    """The line on which the signature ends, where mutmut looks for its pragma."""
    last = function.body[0].lineno
    while last > function.lineno and not lines[last - 2].split("#")[0].rstrip().endswith(":"):
        last -= 1
    return last - 1 if last > function.lineno else last


def fastest_first(self: Any, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """Run the quickest tests of a mutant, quick ones first: of one of them most mutants die.

    A mutant that lives through so many is counted as alive, though a slower test might kill it.
    """
    from mutmut.state import state
    from mutmut.utils.file_utils import change_cwd

    seconds = state().duration_by_test
    ordered = sorted(tests, key=lambda test: seconds.get(test, 0))[:ENOUGH_TESTS]
    with change_cwd("mutants"):
        return int(self.execute_pytest(self._pytest_args_regular_run(ordered)))


def forget_survivors() -> None:
    """Have those that survived before tested again: a test may kill them now."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.utils.file_utils import walk_mutatable_files

    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        known = data.exit_code_by_key
        if known:
            data.exit_code_by_key = {name: code or None for name, code in known.items()}
            data.save()


def main() -> None:
    """Make the mutants of this folder and test each, one at a time."""
    from mutmut.__main__ import _run
    from mutmut.runners.harness import PytestRunner

    PytestRunner.run_tests = fastest_first  # type: ignore[method-assign]  # mutmut has no hook
    forget_survivors()
    _run([], 1)


if __name__ == "__main__":
    main()
