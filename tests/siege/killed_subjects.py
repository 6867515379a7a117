# ruff: noqa: T201  # a script: it prints
"""Kills every role of every experiment at several moments. Run by hand:

    python -m tests.siege.killed_subjects [EXPERIMENT …] [--moments 0.3 1 2]

One kill a run. Each run must end within two seconds of it, failed and with a sentence. Prints a Markdown
table of what became of the runs, and exits with 1 where one of them hung, was judged, or broke.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from experiments.kit.spec import names
from tests.experiments.killing import Killed, kill_one

SOON_S = 2.0
MOST_ROLES = 24


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("experiments", nargs="*")
    parser.add_argument("--moments", nargs="+", type=float, default=[0.3, 1.0, 2.0])
    asked = parser.parse_args()
    wrong = 0
    print(
        "| experiment | kills | failed with a sentence | over before | wrong | slowest s |\n"
        "|---|---|---|---|---|---|"
    )
    for name in asked.experiments or names():
        seen: Counter[str] = Counter()
        slowest = 0.0
        for at_s in asked.moments:
            for place in range(MOST_ROLES):
                found = kill_one(name, at_s, place)
                if found.victim is None:
                    seen["over"] += 1
                    break
                what = judged(found)
                seen[what] += 1
                slowest = max(slowest, found.after_s)
                if what == "wrong":
                    print(
                        f"{name} at {at_s} {found.victim}: {found.after_s:.1f} s {found.end}", file=sys.stderr
                    )
        wrong += seen["wrong"]
        kills = seen["failed"] + seen["wrong"]
        print(
            f"| {name} | {kills} | {seen['failed']} | {seen['over']} | {seen['wrong']} | {slowest:.2f} |",
            flush=True,
        )
    return 1 if wrong else 0


def judged(found: Killed) -> str:
    end = found.end
    if end["why"] != "failed" or found.after_s > SOON_S:
        return "wrong"
    said = f"{end['sentence']} {end['last_words']}"
    return "wrong" if "Traceback" in said or ":" in end["sentence"].partition(" ")[0] else "failed"


if __name__ == "__main__":
    sys.exit(main())
