"""Reads an experiment module into an Experiment that the app can show, check and run.

An experiment is a module that reads like a page of a lab notebook: its docstring is title,
question and article; its NamedTuples are the tables; the signature of `measure` is the form.
Everything is checked on loading, and a mistake is one sentence that names the file and the part.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import experiments
from experiments.kit.charts import Bars, Chart
from experiments.kit.docstrings import NoSource, docstring_of
from experiments.kit.guess import Guess, GuessError
from experiments.kit.kernel.machine import Machine
from experiments.kit.numbers import read_number
from experiments.kit.units import Unit
from experiments.kit.verdict import Verdict

R = TypeVar("R", bound="tuple[Any, ...]")  # a row: any NamedTuple
LONGEST_RUN_S = 600.0
GUESSED_COST_S = 60.0  # of an experiment that does not say; only its deadline follows from it


class SpecError(Exception):
    """An experiment module does not say what it must."""


class ParameterError(ValueError):
    """A parameter's value is not one that the experiment takes."""

    is_sentence = True  # for the reader of the run


class Progress(NamedTuple):
    """Yielded by `measure` between repetitions: how far it is (0 to 1), and what it does next."""

    done: float
    text: str = ""


@dataclass(frozen=True)
class Between:
    """The least and the largest value of a parameter, both allowed."""

    low: float
    high: float


@dataclass(frozen=True)
class Need:
    """A capability. `missing()` gives the sentence to show where the machine lacks it, else ""."""

    missing: Callable[[], str]


@dataclass(frozen=True)
class Field:
    """A parameter or a column: one named value with a type, a unit and a meaning."""

    name: str
    type: type
    unit: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    default: Any = None
    optional: bool = False

    def parse(self, given: object) -> Any:
        """The value of a form field or a JSON member; ParameterError names value and rule."""
        if self.choices:
            if given not in self.choices:
                raise ParameterError(f"{self.name}: {given!r} is not one of {', '.join(self.choices)}")
            return given
        if self.type is bool:
            return self.parse_bool(given)
        return self.parse_number(given)

    def parse_bool(self, given: object) -> bool:
        words: dict[object, bool] = {
            True: True,
            False: False,
            "true": True,
            "false": False,
            "on": True,
            "": False,
        }
        if not isinstance(given, bool | str) or given not in words:
            raise ParameterError(f"{self.name}: {given!r} is neither true nor false")
        return words[given]

    def parse_number(self, given: object) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float | str):
            raise ParameterError(f"{self.name}: {given!r} is not a number")
        try:
            value = read_number(given) if isinstance(given, str) else float(given) + 0.0
        except OverflowError:
            value = None
        if value is None:
            raise ParameterError(f"{self.name}: {given!r} is not a number")
        if not math.isfinite(value):
            raise ParameterError(f"{self.name}: {given!r} is not a finite number")
        if self.type is int and not value.is_integer():
            raise ParameterError(f"{self.name}: {value:g} is not a whole number")
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise ParameterError(f"{self.name}: {value:.10g} is outside {self.range()}")
        return int(value) if self.type is int else value

    def range(self) -> str:
        """ "2 to 32", "5 to 1000 ms"; empty where there are no bounds."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.10g} to {self.high:.10g} {self.unit}".rstrip()

    def as_json(self) -> dict[str, Any]:
        plain = {f: getattr(self, f) for f in ("name", "unit", "help", "low", "high", "default")}
        return plain | {"type": self.type.__name__, "choices": list(self.choices)}


@dataclass(frozen=True)
class Table:
    """All rows of one type. Its name is the row type's, in lower case."""

    name: str
    caption: str
    row: type
    columns: tuple[Field, ...]


class Record:
    """What a run left behind. `record[Round]` is the list of its Round rows, in order."""

    def __init__(
        self,
        machine: Machine,
        params: Mapping[str, Any],
        rows: Iterable[tuple[Any, ...]],
        conditions: Mapping[str, float | None] | None = None,
    ) -> None:
        self.machine = machine
        self.params = dict(params)
        self.conditions = dict(conditions or {})
        self._rows: dict[type, list[Any]] = {}
        for row in rows:
            self._rows.setdefault(type(row), []).append(row)

    def __getitem__(self, row: type[R]) -> list[R]:
        return self._rows.get(row, [])

    def __bool__(self) -> bool:
        return bool(self._rows)


@dataclass(frozen=True)
class Experiment:
    """A loaded experiment. `name` is chapter and module, as in "threads.scaling"."""

    name: str
    title: str
    question: str
    article: str
    params: tuple[Field, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    measure: Callable[..., Iterator[Any]]
    verdict: Callable[[Record], Verdict]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    estimate: Callable[..., float] | None = None
    continuous: bool = False
    guess: Guess | None = None
    file: str = ""

    @property
    def chapter(self) -> str:
        return self.name.partition(".")[0]

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)

    def parse(self, given: Mapping[str, object], preset: str | None = None) -> dict[str, Any]:
        """All parameters with their values: given ones over the preset's over the defaults."""
        if preset is not None and preset not in self.presets:
            raise ParameterError(f"{self.name} has no preset {preset!r}; it has {', '.join(self.presets)}")
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                raise ParameterError(f"{self.name} has no parameter {name!r}; it has {', '.join(known)}")
        values = {name: param.default for name, param in known.items()} | dict(
            self.presets.get(preset or "", {})
        )
        values |= given
        params = {name: param.parse(values[name]) for name, param in known.items()}
        self.check_cost(params)
        return params

    def parse_guess(self, given: object, params: Mapping[str, Any]) -> dict[str, float | str]:
        """The checked guess for a run with these parameters; ParameterError says what is wrong."""
        if self.guess is None:
            raise ParameterError(f"guess: {self.name} has nothing to guess")
        try:
            return self.guess.parse(given, params)
        except GuessError as error:
            raise ParameterError(str(error)) from None

    def cost(self, params: Mapping[str, Any]) -> float | None:
        """About how many seconds a run with these parameters takes; None where nobody knows."""
        return self.estimate(**params) if self.estimate else None

    def check_cost(self, params: Mapping[str, Any], longest_s: float = LONGEST_RUN_S) -> None:
        cost = self.cost(params)
        if cost is not None and cost > longest_s:
            raise ParameterError(
                f"{self.name} would take about {cost:.0f} s with these parameters;"
                f" the limit is {longest_s:.0f} s"
            )

    def deadline(self, params: Mapping[str, Any]) -> float:
        """The seconds after which a run is ended: generous, for a machine that is busy."""
        return 30.0 + 4 * (self.cost(params) or GUESSED_COST_S)

    def missing(self) -> tuple[str, ...]:
        """A sentence for each capability that this machine lacks; empty where all is there."""
        return tuple(sentence for need in self.needs if (sentence := need.missing()))


class Chapter(NamedTuple):
    """A folder of experiments: "threads", its title, and a sentence on what it is about."""

    name: str
    title: str
    about: str


def chapters() -> list[Chapter]:
    """The chapters that are there, in the order of the catalogue."""
    folders = [module.name for module in pkgutil.iter_modules(experiments.__path__) if module.ispkg]
    order = {name: place for place, name in enumerate(experiments.CHAPTERS)}
    return [
        read_chapter(name) for name in sorted(folders, key=lambda n: (order.get(n, 99), n)) if name != "kit"
    ]


def read_chapter(name: str) -> Chapter:
    package = importlib.import_module(f"experiments.{name}")
    try:
        text = docstring_of(package)
    except NoSource as error:
        raise SpecError(str(error)) from error
    title, _, about = " ".join((text or name).split()).partition(": ")
    return Chapter(name, title, about[:1].upper() + about[1:])


def names() -> list[str]:
    """Every experiment that is there, in the order of the catalogue: the public modules of the chapters."""
    found = []
    for chapter in chapters():
        package = importlib.import_module(f"experiments.{chapter.name}")
        modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
        found += [f"{chapter.name}.{module}" for module in modules if not module.startswith("_")]
    return found


def load_all() -> dict[str, Experiment]:
    return {name: load(name) for name in names()}


def load(name: str) -> Experiment:
    """Import and check one experiment; SpecError says in a sentence what is wrong with it."""
    module = importlib.import_module(f"experiments.{name}")
    try:
        return read(name, module)
    except SpecError as error:
        raise SpecError(f"{module.__file__}: {error}") from error.__cause__
    except NoSource as error:
        raise SpecError(str(error)) from error


def read(name: str, module: ModuleType) -> Experiment:
    for part in ("measure", "verdict", "charts"):
        if not hasattr(module, part):
            raise SpecError(f"there is no `{part}`; an experiment needs measure, verdict and charts")
    title, question, article = split_docstring(module)
    experiment = Experiment(
        name=name,
        title=title,
        question=question,
        article=article,
        params=read_params(module.measure),
        tables=read_tables(module.measure),
        charts=number_charts(module.charts),
        measure=module.measure,
        verdict=module.verdict,
        presets=getattr(module, "presets", {}),
        needs=tuple(getattr(module, "needs", ())),
        estimate=getattr(module, "cost", None),
        continuous=getattr(module, "continuous", False),
        guess=getattr(module, "guess", None),
        file=module.__file__ or "",
    )
    check(experiment)
    return experiment


def split_docstring(module: ModuleType) -> tuple[str, str, str]:
    parts = docstring_of(module).split("\n\n", 2)
    if len(parts) < 3 or not parts[1].endswith("?"):
        raise SpecError("the docstring must be a title, a question that ends in '?' and an article")
    title, question, article = parts
    return title, " ".join(question.split()), article


def hints_of(thing: Any, what: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except NameError as error:
        raise SpecError(f"{what} names a type that is not there: {error}") from error


def read_params(measure: Callable[..., Any]) -> tuple[Field, ...]:
    hints = hints_of(measure, "measure")
    params = []
    for parameter in inspect.signature(measure).parameters.values():
        if parameter.default is parameter.empty:
            raise SpecError(f"measure: {parameter.name} has no default")
        if parameter.name not in hints:
            raise SpecError(f"measure: {parameter.name} has no type")
        params.append(read_field(parameter.name, hints[parameter.name], parameter.default))
    return tuple(params)


def read_tables(measure: Callable[..., Any]) -> tuple[Table, ...]:
    returned = hints_of(measure, "measure").get("return")
    rows = typing.get_args(returned)
    if len(rows) != 1:
        raise SpecError(
            "measure must be annotated to return Iterator[Row] or Iterator[Row | Other | Progress]"
        )
    types_ = typing.get_args(rows[0]) or (rows[0],)
    return tuple(read_table(row) for row in types_ if row is not Progress)


def read_table(row: type) -> Table:
    if not hasattr(row, "_fields"):
        raise SpecError(f"measure yields {row!r}, which is not a NamedTuple")
    hints = hints_of(row, row.__name__)
    columns = tuple(read_field(name, hints[name]) for name in row._fields)
    return Table(row.__name__.lower(), docstring_of(row), row, columns)


def read_field(name: str, hint: Any, default: Any = None) -> Field:
    """Unpack `Annotated[Count, Between(2, 32), "help"]`, `Literal["a", "b"]` and `X | None`."""
    facts: list[object] = []
    optional = False
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            hint, *more = typing.get_args(hint)
            facts += more
        elif origin in (typing.Union, types.UnionType):
            (hint,) = (arm for arm in typing.get_args(hint) if arm is not type(None))
            optional = True
        else:
            break
    choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
    kind = str if choices else hint
    if kind not in (int, float, str, bool):
        raise SpecError(f"{name}: {hint!r} is none of int, float, str, bool or Literal")
    unit = next((fact.symbol for fact in facts if isinstance(fact, Unit)), "")
    text = next((fact for fact in facts if isinstance(fact, str)), "")
    bounds = next((fact for fact in facts if isinstance(fact, Between)), None)
    low, high = (bounds.low, bounds.high) if bounds else (None, None)
    return Field(name, kind, unit, text, choices, low, high, default, optional)


def number_charts(charts: Iterable[Chart]) -> tuple[Chart, ...]:
    """Give every chart without an id one: its kind, and a number where a kind repeats."""
    named: dict[str, Chart] = {}
    for chart in charts:
        wish = chart.id or type(chart).__name__.lower()
        name = wish if wish not in named else f"{wish}-{len(named) + 1}"
        named[name] = replace(chart, id=name)
    return tuple(named.values())


def check(experiment: Experiment) -> None:
    rows = {table.row for table in experiment.tables}
    for chart in experiment.charts:
        kind = type(chart).__name__
        if chart.row not in rows:
            raise SpecError(f"{kind} draws {chart.row.__name__}, which measure does not yield")
        fields_ = getattr(chart.row, "_fields", ())
        for name in chart.columns():
            if name not in fields_:
                raise SpecError(
                    f"{kind}: {chart.row.__name__} has no column {name!r}; it has {', '.join(fields_)}"
                )
    check_guess(experiment)
    for param in experiment.params:
        if param.type in (int, float) and param.low is None:
            raise SpecError(f"measure: {param.name} has no Between(low, high)")
    for name, preset in {"the defaults": {}, **experiment.presets}.items():
        try:
            experiment.parse(preset)
        except ParameterError as error:
            raise SpecError(f"preset {name}: {error}") from error


def check_guess(experiment: Experiment) -> None:
    """It asks about a figure that is there, what it names is drawn in it, and it knows the parameters."""
    guess = experiment.guess
    if guess is None:
        return
    chart = next((chart for chart in experiment.charts if chart.id == guess.figure), None)
    if guess.figure and chart is None:
        raise SpecError(f"guess: there is no chart {guess.figure!r}")
    columns = (
        column for table in experiment.tables if chart and table.row is chart.row for column in table.columns
    )
    drawn = next((column.choices for column in columns if column.name == getattr(chart, "by", None)), ())
    for series in (*getattr(guess, "series", ()), *filter(None, [guess.by])):
        if drawn and series not in drawn:
            raise SpecError(f"guess: {series!r} is not one of {', '.join(drawn)}")
    if isinstance(chart, Bars) and bool(chart.by) != bool(guess.by):
        raise SpecError(
            f"guess: by has to name which {chart.by} of chart {chart.id!r} answers"
            if chart.by
            else f"guess: chart {chart.id!r} has no groups of bars, so by = {guess.by!r} names nothing"
        )
    try:
        guess.as_json({param.name: param.default for param in experiment.params})
    except KeyError as error:
        raise SpecError(f"guess: there is no parameter {error}") from error
