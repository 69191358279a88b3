"""The example of docs/flows.md is the flow that ships."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.once
def test_the_commented_example_says_what_the_normal_change_says():
    page = (ROOT / "docs" / "flows.md").read_text("utf-8")
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    shipped = (ROOT / "weilu" / "changes" / "flows" / "normal.yaml").read_text("utf-8")

    assert [yaml.safe_load(text) for text in example] == [yaml.safe_load(shipped)]
