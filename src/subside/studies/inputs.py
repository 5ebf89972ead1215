"""What a study is made of besides the tracks: the ``[study]`` table of ``subside.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from subside.errors import ProjectError
from subside.studies.output import StudyParameters

Model = TypeVar("Model", bound=StudyParameters)


class StudyInputs(StudyParameters):
    """Files and tracks of the studies of a project; an empty name leaves out what needs the file."""

    title: str = Field("", description="Name of the line or area, for the title of the report.")
    track_names: tuple[str, ...] = Field(
        (), description="Tracks to study, the two to be compared first; empty: all of the project, by name."
    )
    line: str = Field("", description="Railway or other line: GeoPackage, GeoJSON, shapefile or KML.")
    line_crs: str = Field("", description="Coordinate system of the line where its file names none: EPSG:32650.")
    sites: str = Field("", description="Named sites: CSV with name, longitude, latitude, class (rural, urban, mining).")
    rain: str = Field("", description="Rain: CSV with date (YYYY-MM or YYYY-MM-DD) and rain_mm.")
    groundwater: str = Field("", description="Groundwater: CSV with date and columns ending in depth_m or level_m.")
    land_cover: str = Field("", description="Land cover polygons with a column `class`.")
    areas: str = Field("", description="Polygons to report on, with a column `name` (city, airport, coalfield).")
    structures: str = Field("", description="Structures: CSV with chainage_start_m, chainage_end_m, kind, name.")
    standards: str = Field("", description="Limits to compare with, an edited copy of those shipped; empty: those.")
    mines: str = Field("", description="Polygons of mine workings.")
    faults: str = Field("", description="Lines of faults.")
    wells: str = Field("", description="Points of wells.")
    gnss: str = Field("", description="GNSS: CSV with station, longitude, latitude, date, east_mm, north_mm, up_mm.")
    levelling: str = Field("", description="Levelling: CSV with benchmark, longitude, latitude, date, height_m.")

    def path(self, name: str, folder: Path) -> Path | None:
        """Path of a file, relative names taken from the project folder; None where none is given."""
        value = str(getattr(self, name))
        return folder / value if value else None


def load_inputs(configuration: Mapping[str, Any], *, file: object) -> StudyInputs:
    """Validate the ``[study]`` table; tables inside it are parameters of the studies.

    Parameters
    ----------
    configuration : mapping
        Parsed ``subside.toml``.
    file : object
        Its name, for messages.

    Returns
    -------
    StudyInputs

    Raises
    ------
    ProjectError
        For a name that is not known or a value of the wrong kind.
    """
    table = {k: v for k, v in configuration.get("study", {}).items() if not isinstance(v, Mapping)}
    return _validated(StudyInputs, table, "study", file)


def load_study_parameters(
    model: type[Model], name: str, configuration: Mapping[str, Any], *, file: object, given: Mapping[str, Any]
) -> Model:
    """Validate the parameters of one study.

    Parameters
    ----------
    model : type
        Parameter model.
    name : str
        Study; its table is ``[study.NAME]``.
    configuration : mapping
        Parsed ``subside.toml``; empty for a study without a project.
    file : object
        Its name, for messages.
    given : mapping
        Values of the command line, which win.

    Returns
    -------
    StudyParameters

    Raises
    ------
    ProjectError
        For a parameter that is not known or out of its range.
    """
    table = configuration.get("study", {}).get(name, {})
    if not isinstance(table, Mapping):
        raise ProjectError(f"{file}: `study.{name}` must be a table of parameters, got {table!r}")
    return _validated(model, {**table, **given}, f"study.{name}", file)


def _validated(model: type[Model], table: Mapping[str, Any], name: str, file: object) -> Model:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        known = ", ".join(sorted(model.model_fields))
        faults = []
        for fault in error.errors():
            key = ".".join([name, *(str(part) for part in fault["loc"])])
            if fault["type"] == "extra_forbidden":
                faults.append(f"`{key}` is not known (there are {known})")
            else:
                faults.append(f"`{key}`: {fault['msg']}, got {fault['input']!r}")
        raise ProjectError(f"{file or 'parameters'}: " + "; ".join(faults)) from None
