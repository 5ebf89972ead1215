"""Write the generated reference pages: ``python tools/generate_docs.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from subside.cli.app import app
from subside.conventions import FLAG_DESCRIPTIONS
from subside.io.codes import codes_markdown
from subside.io.schema import POINT_COLUMNS, SCHEMA_VERSION, Column, displacement_column, displacement_std_column
from subside.stages.catalogue import STAGES
from subside.stages.configuration import parameter_reference
from subside.studies.project import study_models

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def command_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# Commands", "", "Generated from the command line; `subside COMMAND --help` prints the same.", ""]
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="subside")
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        own = typer.Context(command, info_name=name, parent=context)
        lines += [f"## {name}", "", str(command.help), ""]
        lines += ["| argument or option | default | meaning |", "|---|---|---|"]
        lines += [_parameter_row(p) for p in command.get_params(own) if p.name != "help"]
        lines.append("")
    return "\n".join(lines)


def _parameter_row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    name = max(parameter.opts, key=len) if is_option else parameter.name.upper().rstrip("_")
    default = parameter.default
    shown = "" if default is None or default is False or callable(default) else f"`{default}`"
    if parameter.required:
        shown = "required"
    return f"| `{name}` | {shown} | {getattr(parameter, 'help', '') or ''} |"


def flag_page() -> str:
    """Quality bits of a point."""
    lines = [
        "# Flags",
        "",
        "Generated from `subside.conventions`. Bits are added; `flags == 0` is the default set.",
        "",
        "| bit | name | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| {int(d.flag)} | `{d.flag.name}` | {d.description} |" for d in FLAG_DESCRIPTIONS]
    return "\n".join([*lines, ""])


def point_table_page() -> str:
    """Columns of the exported points."""
    lines = [
        "# Point table",
        "",
        f"Generated from `subside.io.schema`, version {SCHEMA_VERSION}. The columns of every export, in this order.",
        "The meaning of each flag bit is on the page of [flags](flags.md).",
        "",
        "| column | type | unit | meaning | positive | null |",
        "|---|---|---|---|---|---|",
    ]
    series = (displacement_column("YYYYMMDD"), displacement_std_column("YYYYMMDD"))
    return "\n".join([*lines, *map(_column_row, (*POINT_COLUMNS, *series)), ""])


def _column_row(column: Column) -> str:
    meaning = "quality bits, 0 is the default set" if column.name == "flags" else column.description
    return f"| `{column.name}` | {column.dtype} | {column.unit} | {meaning} | {column.sign} | {column.null} |"


PAGES = {
    "cli.md": command_page,
    "codes.md": codes_markdown,
    "flags.md": flag_page,
    "parameters.md": lambda: parameter_reference(STAGES, more=study_models()),
    "point-table.md": point_table_page,
}
"""Text of each generated page by file name."""


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (REFERENCE / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
