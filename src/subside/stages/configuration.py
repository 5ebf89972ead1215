"""Parameters: TOML in, fully commented TOML out, ``--set`` on top. Nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, Final

import tomlkit
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from tomlkit.items import Table

from subside.errors import ProjectError
from subside.stages.stage import Parameters, Stage

STUDY: Final = "study"
"""Table of the studies, which are no stages."""


def load_parameters(
    stages: Sequence[Stage], configuration: Mapping[str, Any], overrides: Sequence[str] = (), *, file: object = ""
) -> dict[str, Parameters]:
    """Validate the configuration of every stage.

    Parameters
    ----------
    stages : sequence of Stage
        The catalogue.
    configuration : mapping
        Parsed ``subside.toml``: one table per stage, defaults for what is absent.
    overrides : sequence of str
        ``stage.parameter=value`` of ``--set``.
    file : object
        Name of the configuration file, for messages.

    Returns
    -------
    dict
        Parameter model by stage name.

    Raises
    ------
    ProjectError
        For an unknown stage or parameter, or a value that breaks its rule; every fault is listed.
    """
    names = {s.name for s in stages}
    unknown = sorted(set(configuration) - names - {"project", STUDY})
    if unknown:
        raise ProjectError(
            f"{file}: no stage is called {', '.join(unknown)}; the stages are {', '.join(sorted(names))}"
        )
    tables: dict[str, dict[str, Any]] = {s.name: dict(configuration.get(s.name, {})) for s in stages}
    for text in overrides:
        name, parameter, value = _parse_override(text, names)
        tables[name][parameter] = value
    result: dict[str, Parameters] = {}
    faults: list[str] = []
    for stage in stages:
        try:
            result[stage.name] = stage.parameters.model_validate(tables[stage.name])
        except ValidationError as error:
            faults += [_fault(stage, e) for e in error.errors()]
    if faults:
        raise ProjectError(f"{file or 'parameters'}: " + "; ".join(faults))
    return result


def _fault(stage: Stage, error: Any) -> str:
    name = ".".join([stage.name, *(str(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(stage.parameters.model_fields))
        return f"`{name}` is not a parameter of `{stage.name}` (it has {known})"
    return f"`{name}`: {error['msg']}, got {error['input']!r}"


def _parse_override(text: str, stages: set[str]) -> tuple[str, str, Any]:
    key, separator, value = text.partition("=")
    stage, dot, parameter = key.strip().partition(".")
    if not separator or not dot or stage not in stages:
        raise ProjectError(
            f"--set takes stage.parameter=value with a stage of {', '.join(sorted(stages))}, got {text!r}"
        )
    return stage, parameter, parse_value(value)


def parse_value(text: str) -> Any:
    """Read a value of ``--set`` as TOML, else as a Python literal, else as a word."""
    try:
        return tomlkit.parse(f"v = {text}").unwrap()["v"]
    except tomlkit.exceptions.TOMLKitError:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text.strip()


Models = Mapping[str, tuple[str, type[BaseModel]]]
"""Title and parameter model of tables that belong to no stage, by dotted name; a table before those inside it."""


def default_toml(stages: Sequence[Stage], project: str, *, more: Models | None = None) -> str:
    """Write the whole configuration with every default, unit, bound and source as comments."""
    document = tomlkit.document()
    document.add(tomlkit.comment(f"subside project {project}. Every line is a default: edit what you know better."))
    document.add(tomlkit.comment("Memory, workers and cluster are given on the command line: they change no result."))
    for stage in stages:
        document.add(tomlkit.nl())
        document.add(tomlkit.comment(stage.title))
        document.add(stage.name, parameter_table(stage.parameters))
    for name, (title, model) in (more or {}).items():
        *outer, last = name.split(".")
        place: Any = document
        for part in outer:
            place = place[part]
        place.add(tomlkit.nl())
        place.add(tomlkit.comment(title))
        place.add(last, parameter_table(model))
    return tomlkit.dumps(document)


def with_values(text: str, table: str, values: Mapping[str, Any]) -> str:
    """Set values of a table in the text of a configuration, comments kept; the table is made where it is missing."""
    document = tomlkit.parse(text)
    if table not in document:
        document.add(tomlkit.nl())
        document.add(table, tomlkit.table())
    for key, value in values.items():
        document[table][key] = value
    return tomlkit.dumps(document)


def parameter_table(model: type[BaseModel]) -> Table:
    """Lay out the defaults of a parameter model, each with its unit, bounds and source as a comment."""
    table = tomlkit.table()
    for name, field in model.model_fields.items():
        table.add(tomlkit.comment(_describe(field)))
        value = field.get_default(call_default_factory=True)
        if value is None:
            table.add(tomlkit.comment(f"{name} ="))
        else:
            table.add(name, _plain(value))
    return table


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else getattr(value, "value", value)


def _describe(field: FieldInfo) -> str:
    bounds = []
    for rule in field.metadata:
        kind = type(rule).__name__
        if kind in _SIGN:
            bounds.append(f"{_SIGN[kind]} {getattr(rule, kind.lower())}")
    choices = getattr(field.annotation, "__members__", None)
    text = field.description or ""
    if choices:
        bounds.append("one of " + ", ".join(str(c.value) for c in choices.values()))
    return f"{text} [{', '.join(bounds)}]" if bounds else text


_SIGN = {"Gt": ">", "Ge": ">=", "Lt": "<", "Le": "<="}


def parameter_reference(stages: Sequence[Stage], *, more: Models | None = None) -> str:
    """Write the reference page of all parameters in Markdown."""
    lines = [
        "# Parameters",
        "",
        "Generated from the parameter models; set in `subside.toml` or with `--set stage.parameter=value`.",
        "",
    ]
    for stage in stages:
        lines += _section(stage.name, stage.title, stage.parameters)
    for name, (title, model) in (more or {}).items():
        lines += _section(name, title, model)
    return "\n".join(lines)


def _section(name: str, title: str, model: type[BaseModel]) -> list[str]:
    """Lines of the reference page about one parameter model."""
    lines = [
        f"## {name}",
        "",
        f"{title[0].upper()}{title[1:]}.",
        "",
        "| parameter | default | meaning |",
        "|---|---|---|",
    ]
    for parameter, field in model.model_fields.items():
        default = _plain(field.get_default(call_default_factory=True))
        lines.append(f"| `{parameter}` | `{default}` | {_describe(field)} |")
    return [*lines, ""]
