"""Ranges in inventories stand for the hosts that Ansible would find."""

import json
import subprocess
import sys
from pathlib import Path
from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.unchanged import Refusal, ruling
from weilu.systems.importing.ranges import expand
from weilu.systems.importing.reading import MOST_HOSTS

PATTERNS = (
    "plain", "web[01:03].example", "web[1:3]", "web[08:11]", "n[001:003]", "n[:2]", "db-[a:c]", "x[a:f:2]", "y[1:9:3]",
    "z[A:C]", "q[x:B]", "a[1:2]b[a:b]", "r[0:10:5]", "s[00:02]", "t[9:11]",
)  # fmt: skip


@pytest.mark.once
def test_a_range_stands_for_what_ansible_reads(tmp_path: Path):
    (tmp_path / "hosts").write_text("[g]\n" + "\n".join(PATTERNS) + "\n")
    program = Path(sys.executable).with_name("ansible-inventory")
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    command = [program, "-i", tmp_path / "hosts", "--list"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    found = [name for pattern in PATTERNS for name in expand(pattern)]
    assert sorted(found) == sorted(json.loads(said.stdout)["g"]["hosts"])


@pytest.mark.parametrize(
    "pattern",
    [
        "web[3:1]", "web[1:]", "web[:]", "web[01:3]", "web[01:100]", "web[a:3]", "web[1:c]", "web[c:a]", "web[1:3:0]",
        "web[1:3", "web1:3]", "web[]", "web[1:2][", "web[-1:3]", "web[1:3:-1]", "web[1 :3]", "web[あ:い]", "web[²:3]",
        "web[1:99999999999]", "web[1:3]" + "x" * 300,
    ],
)  # fmt: skip
def test_what_is_no_range_is_no_host(pattern: str):
    with pytest.raises(ValueError):  # noqa: PT011  (it is the caller who tells file and line)
        expand(pattern)


@pytest.mark.parametrize("pattern", ["a[0:1000]", "a[1:999999999]", "a[0:999999999:7]", "a[1:50]b[1:50]", "[a:z]" * 6])
def test_more_hosts_than_an_import_takes_are_counted_not_made(pattern: str):
    said = Refusal("一次最多导入 1,000 台。分成几个文件再传", "", "file")
    assert ruling(lambda: expand(pattern)) == said


@given(
    st.integers(0, 400), st.integers(0, 400), st.integers(1, 9), st.integers(0, 4), st.text("ab-.", max_size=4),
    st.text("ab-.", max_size=4),
)  # fmt: skip
def test_numbers_keep_ends_step_and_width(begin: int, more: int, step: int, width: int, before: str, after: str):
    first, last = f"{begin:0{width}d}", f"{begin + more:0{width}d}"
    pattern = f"{before}[{first}:{last}:{step}]{after}"
    wide = first.startswith("0") and len(first) > 1
    if wide and len(first) != len(last):
        with pytest.raises(ValueError, match=last):
            expand(pattern)
        return
    found = expand(pattern)
    numbers = [int(name.removeprefix(before).removesuffix(after)) for name in found]
    assert numbers == list(range(begin, begin + more + 1, step))
    assert not wide or {len(name) for name in found} == {len(before) + len(first) + len(after)}


@given(st.sampled_from(ascii_letters), st.integers(0, 51))
def test_letters_go_on_as_the_alphabet_does(first: str, more: int):
    last = ascii_letters[min(ascii_letters.index(first) + more, 51)]
    found = expand(f"[{first}:{last}]")
    assert "".join(found) == ascii_letters[ascii_letters.index(first) : ascii_letters.index(last) + 1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=3))
def test_several_ranges_stand_for_every_combination_once(pairs: list[tuple[int, int]]):
    pattern = "-".join(f"[{min(pair)}:{max(pair)}]" for pair in pairs)
    count = 1
    for one, other in pairs:
        count *= abs(one - other) + 1
    found = expand(pattern)
    assert (len(found), len(set(found)), count <= MOST_HOSTS) == (count, count, True)


@given(st.text("[]:019azA", max_size=20))
def test_anything_in_brackets_is_names_a_refusal_or_no_range(pattern: str):
    found: list[str] | Refusal | None
    try:
        found = ruling(lambda: expand(pattern)) or expand(pattern)
    except ValueError:
        found = None
    names = found if isinstance(found, list) else []
    assert all("[" not in name and "]" not in name for name in names)
    assert found is not None or set(pattern) & set("[]")
