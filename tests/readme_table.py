"""
The README's tool table, generated from the catalog between its markers.

`make readme` writes it; a test holds it true.
"""

import re
from pathlib import Path

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.listing import markdown

README = Path(__file__).parents[1] / "README.md"
_MARKED = re.compile(r"(?<=<!-- tools -->\n).*(?=\n<!-- /tools -->)", re.DOTALL)


def with_table(text: str) -> str:
    """
    *text* with the catalog's table between the markers.
    """
    table = markdown(load_catalog(builtin_folder()).templates)
    replaced, count = _MARKED.subn(lambda _: table, text)
    assert count == 1, "README.md has lost its <!-- tools --> markers"
    return replaced


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
