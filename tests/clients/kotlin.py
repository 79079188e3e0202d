"""Parse the Kotlin sources in a folder; print each place that is not Kotlin, and exit 1 for one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tree_sitter_kotlin
from tree_sitter import Language, Parser


def errors(node: Any) -> Iterator[Any]:
    """Yield each node below that the parser could not read, or had to add."""
    if node.is_error or node.is_missing:
        yield node
    elif node.has_error:
        for child in node.children:
            yield from errors(child)


def main(folder: Path) -> int:
    """Return the exit code: 0 if there are sources, and every one parses."""
    parser = Parser(Language(tree_sitter_kotlin.language()))
    sources = sorted(folder.rglob("*.kt"))
    wrong = [
        f"{source.name}:{node.start_point[0] + 1}: {node.text[:80]!r}\n"
        for source in sources
        for node in errors(parser.parse(source.read_bytes()).root_node)
    ]
    sys.stdout.write("".join(wrong) + f"Kotlin: {len(sources)} sources, {len(wrong)} errors\n")
    return 1 if wrong or not sources else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
