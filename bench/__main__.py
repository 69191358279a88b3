"""Run every `bench/*_bench.py` in a process of its own, and write one table (`make bench`)."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = ("name", "value", "reference", "ratio", "goal", "reached")
ONE = "import json, sys; from importlib import import_module as load; rows = load(sys.argv[1]).rows(); "
ONE += "open(sys.argv[2], 'w').write(json.dumps(rows, ensure_ascii=False, default=str))"


def main() -> int:
    """Print and keep the table; 1 where a module broke, never for a goal that was missed."""
    wanted = sys.argv[1:]
    names = sorted(p.stem for p in HERE.glob("*_bench.py"))
    names = [n for n in names if not wanted or n.removesuffix("_bench") in wanted]
    rows, broken = [], []
    for name in names:
        print(f"— {name}", flush=True)
        found = measured(name)
        if found is None:
            broken.append(name)
        rows += found or []
    text = table(rows)
    print(text)
    place = HERE.parent / "var" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.md").write_text(text + "\n", "utf-8")
    for name in broken:
        print(f"{name} broke", file=sys.stderr)
    return 1 if broken else 0


def measured(name: str) -> list[dict[str, object]] | None:
    """The rows of one module, which gets an empty data folder and no settings of ours."""
    with tempfile.TemporaryDirectory(prefix="weilu-bench-", dir=os.environ.get("WEILU_BENCH_DIR")) as home:
        env = {k: v for k, v in os.environ.items() if not k.startswith("WEILU_")}
        env |= {"WEILU_DATA_DIR": home, "DJANGO_SETTINGS_MODULE": "weilu.settings"}
        out = Path(home) / "rows.json"
        done = subprocess.run(
            [sys.executable, "-c", ONE, f"bench.{name}", str(out)], env=env, cwd=HERE.parent, check=False
        )
        return json.loads(out.read_text("utf-8")) if done.returncode == 0 else None


def table(rows: list[dict[str, object]]) -> str:
    """Markdown, with the machine named above it."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    head = f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}\n"
    lines = [head, "| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(shown(row.get(column)) for column in COLUMNS) + " |" for row in rows]
    return "\n".join(lines)


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
