"""
All tools together stay small: every conversation pays for the whole list before its first word.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stripe_mcp.catalog import builtin_folder, load_catalog

BUDGET = 6_500  # o200k tokens of name, description and input schema
ROOT = Path(__file__).parents[1]
COUNT = """
const { encode } = require("gpt-tokenizer/encoding/o200k_base");
const tools = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(Object.fromEntries(Object.entries(tools).map(([k, v]) => [k, encode(v).length]))));
"""


def tokens(texts: dict[str, str]) -> dict[str, int]:
    """
    The number of tokens of each text, as the npm package `gpt-tokenizer` counts them.
    """
    folders = [*os.environ.get("NODE_PATH", "").split(os.pathsep), str(ROOT / "node_modules")]
    node = shutil.which("node")
    if not node or not any(folder and (Path(folder) / "gpt-tokenizer").is_dir() for folder in folders):
        pytest.skip("needs node, and gpt-tokenizer in ./node_modules or NODE_PATH: npm install gpt-tokenizer")
    environment = os.environ | {"NODE_PATH": os.pathsep.join(folders)}
    counted = subprocess.run(
        [node, "-e", COUNT],
        input=json.dumps(texts),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(counted.stdout))


def test_all_tools_together_stay_within_the_budget() -> None:
    texts = {
        name: json.dumps(
            {"name": name, "description": template.description, "inputSchema": template.input},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for name, template in load_catalog(builtin_folder()).templates.items()
    }
    counted = tokens(texts)
    assert counted.keys() == texts.keys()
    assert min(counted.values()) > 20  # a tool cannot cost less: the count would be none
    assert sum(counted.values()) <= BUDGET, sorted(counted.items(), key=lambda entry: -entry[1])
