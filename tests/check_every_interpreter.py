# ruff: noqa: T201  # a script: it prints
"""Runs experiments under every Python of this machine. Run by hand:

    python -m tests.check_every_interpreter [EXPERIMENT …] [--python ID …] [--preset quick] [--json FILE]

Prints a Markdown table: a line for each experiment, a column for each interpreter, the answer in each
cell. Whatever failed is told below with its reason, and so is every check that did not hold: a verdict
that no machine may give is found there. Exits with 1 where a run failed or a check did not hold.
`--json` keeps what was found, and adds to what the file has already, so that it can be done in parts.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from app.system.interpreters import Interpreter, find
from experiments.kit.spec import names
from experiments.kit.verdict import judge
from tests.experiments.measured import measured

Found = dict[
    str, dict[str, dict[str, Any]]
]  # by experiment and interpreter: answer, headline, checks, doubts


def main() -> int:
    asked = arguments()
    found: Found = json.loads(asked.json.read_text()) if asked.json and asked.json.exists() else {}
    pythons = {id_: python for id_, python in find().items() if not asked.python or id_ in asked.python}
    for name in asked.experiments or names():
        for id_, python in pythons.items():
            if id_ not in found.get(name, {}):
                found.setdefault(name, {})[id_] = tried(name, python, asked.preset)
                print(f"{name} {id_}: {found[name][id_]['answer']}", file=sys.stderr, flush=True)
                if asked.json:
                    asked.json.write_text(json.dumps(found, indent=1))
    print(table(found))
    bad = list(wrongs(found))
    print("\n".join(bad))
    return 1 if bad else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("experiments", nargs="*", help="all, if none is named")
    parser.add_argument("--python", action="append", help="the id of an interpreter; all, if none is named")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--json", type=Path, help="where to keep what was found")
    return parser.parse_args()


def tried(name: str, python: Interpreter, preset: str) -> dict[str, Any]:
    ran = measured(name, preset, python)
    end = ran.messages[-1]
    if end["why"] != "done":
        return {"answer": "FAILED", "headline": end["sentence"], "words": end["last_words"][-2000:]}
    said = judge(ran.experiment, ran.record()).as_json()
    return {key: said[key] for key in ("answer", "headline", "checks", "doubts")} | {
        "conditions": end["conditions"]
    }


def table(found: Found) -> str:
    pythons = list(dict.fromkeys(id_ for by in found.values() for id_ in by))
    lines = [["experiment", *pythons], ["---"] * (len(pythons) + 1)]
    lines += [[name, *(by.get(id_, {}).get("answer", "") for id_ in pythons)] for name, by in found.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def wrongs(found: Found) -> list[str]:
    bad = []
    for name, by in found.items():
        for id_, one in by.items():
            if one["answer"] == "FAILED":
                bad.append(f"- {name}, {id_}: failed: {one['headline']}")
            bad += [f"- {name}, {id_}: ✗ {c['claim']}" for c in one.get("checks", ()) if c["ok"] is False]
    return bad


if __name__ == "__main__":
    sys.exit(main())
