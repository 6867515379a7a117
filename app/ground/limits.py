"""How much a request, a file or a run may take; each limit has its one home here."""

import math
from dataclasses import dataclass

from experiments.kit.spec import LONGEST_RUN_S

BODY_B = 64 * 1024  # of a request that is no import
IMPORT_B = 64 * 1024 * 1024  # of a file that another oscope exported


@dataclass(frozen=True)
class RunLimits:
    """What one run may cost by its estimate, when it is ended at the latest, and how many may wait."""

    cost_s: float
    deadline_s: float
    waiting: int


ALONE = RunLimits(cost_s=LONGEST_RUN_S, deadline_s=math.inf, waiting=20)  # more outlasts anybody's patience
# Where others can reach the bench, it is theirs too: by their cost, all that may wait is done in 22 minutes.
SHARED = RunLimits(cost_s=120.0, deadline_s=300.0, waiting=10)
