"""Everything an experiment needs to describe itself and to measure.

Standard library only: this package runs under whatever interpreter a run asks for, from 3.10 on.
"""

from experiments.kit.charts import (
    Bars,
    Cells,
    Ecdf,
    Flow,
    Graph,
    Line,
    Reference,
    Shares,
    StateDiagram,
    Timeline,
)
from experiments.kit.guess import BarsGuess, ChoiceGuess, LineGuess, NumberGuess
from experiments.kit.kernel.machine import Machine
from experiments.kit.sentences import Sentence, Value, duration, percent, say, times
from experiments.kit.spec import Between, Need, Progress, Record
from experiments.kit.units import (
    Bytes,
    Count,
    Hertz,
    Mebibytes,
    Microseconds,
    Milliseconds,
    Nanoseconds,
    PerSecond,
    Pid,
    Ratio,
    Seconds,
    Share,
    Unit,
)
from experiments.kit.verdict import Check, Verdict, asserted

__all__ = [
    "Bars",
    "BarsGuess",
    "Between",
    "Bytes",
    "Cells",
    "Check",
    "ChoiceGuess",
    "Count",
    "Ecdf",
    "Flow",
    "Graph",
    "Hertz",
    "Line",
    "LineGuess",
    "Machine",
    "Mebibytes",
    "Microseconds",
    "Milliseconds",
    "Nanoseconds",
    "Need",
    "NumberGuess",
    "PerSecond",
    "Pid",
    "Progress",
    "Ratio",
    "Record",
    "Reference",
    "Seconds",
    "Sentence",
    "Share",
    "Shares",
    "StateDiagram",
    "Timeline",
    "Unit",
    "Value",
    "Verdict",
    "asserted",
    "duration",
    "percent",
    "say",
    "times",
]
