"""Numbered codes of problems in input files: what each means and what the user can do.

``S1xx`` refuse the input, ``W1xx`` were repaired, ``W2xx`` mean that a quantity is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from subside.errors import InputFileError


@dataclass(frozen=True)
class Code:
    """One numbered problem.

    Attributes
    ----------
    code : str
        ``S1xx`` refused, ``W1xx`` repaired, ``W2xx`` unknown.
    title : str
        The problem in a few words.
    description : str
        What was found, why it matters and, for a repair, what is substituted.
    remedy : str
        What the user can do.
    """

    code: str
    title: str
    description: str
    remedy: str


_ALL = (
    Code(
        "S101",
        "source not found",
        "The folder or file given does not exist, or does not hold the files of the format named.",
        "Give the top folder of the export, and the format it is in",
    ),
    Code(
        "S102",
        "file missing",
        "A file the layout needs for a date or pair is not there, while its companions are.",
        "Export the date or pair again, or leave the date out with the option exclude_dates",
    ),
    Code(
        "S103",
        "truncated file",
        "The file is shorter than lines x samples x bytes per sample of its header: a copy or export that stopped.",
        "Copy or export the file again, or leave the date out with the option exclude_dates",
    ),
    Code(
        "S104",
        "wrong file size",
        "The file is longer than its header says, or is not on the grid of the other files.",
        "Check that header and data belong together and that every date has the size of the reference",
    ),
    Code(
        "S105",
        "wrong byte order",
        "Read in the byte order of the format the values are not plausible numbers; in the other order they are.",
        "Convert the file, or state the byte order with the option byte_order",
    ),
    Code(
        "S106",
        "no data in file",
        "Every sample looked at, spread over the file, is zero or not a number.",
        "Export the date again, or leave it out with the option exclude_dates",
    ),
    Code(
        "S107",
        "implausible values",
        "Values are not plausible numbers in either byte order: the file does not hold what its name says.",
        "Check the sample type in the header and the file itself",
    ),
    Code(
        "S108",
        "mostly not a number",
        "More than half of the samples looked at, spread over the file, are NaN or infinite.",
        "Export the date again, or leave it out with the option exclude_dates",
    ),
    Code(
        "S109",
        "header field missing or malformed",
        "A header lacks a field that is needed, or its value cannot be read or is out of its range.",
        "Write the header again with the producer, or correct the field by hand",
    ),
    Code(
        "S110",
        "dates cannot be read",
        "No date, a malformed date, or fewer than two dates were found.",
        "Name files YYYYMMDD or YYYYMMDD_YYYYMMDD as the format asks, and give at least two dates",
    ),
    Code(
        "S111",
        "pairs do not join the dates",
        "Interferograms do not connect every date to the reference, so phases of the dates cannot be formed.",
        "Add interferograms that join the parts, or leave dates out with the option exclude_dates",
    ),
    Code(
        "S112",
        "interferograms do not close",
        "Around closed loops of pairs the phases do not add up to zero: the interferograms are filtered or "
        "multilooked so strongly, or so inconsistent, that no set of images reproduces them.",
        "Export unfiltered single-look interferograms, or import them unwrapped",
    ),
    Code(
        "S113",
        "wavelength unknown",
        "Neither a header nor an option gives the radar wavelength; it is never assumed.",
        "Give the option wavelength (m), or sensor = 'Sentinel-1'",
    ),
    Code(
        "S114",
        "pixel spacing unknown",
        "Neither the files nor an option give the pixel spacing on the ground; it is never assumed.",
        "Give the option geotransform = [lon0, dlon, lat0, dlat], or azimuth_spacing and range_spacing (m)",
    ),
    Code(
        "S115",
        "image size unknown",
        "A raw file without header cannot be read without its number of lines and samples.",
        "Give the option shape = [lines, samples], or put the .rsc or .hdr header beside the file",
    ),
    Code(
        "S116",
        "option not understood",
        "An option is not known to the reader of this format, or its value breaks its rule.",
        "Use the options listed for the format",
    ),
    Code(
        "S117",
        "compressed file",
        "A compressed raw file cannot be read band by band.",
        "Decompress it first, for example with gunzip --keep",
    ),
    Code(
        "S118",
        "not a single-reference stack",
        "The interferograms do not share one reference date.",
        "Give interferograms with one common date, or import them unwrapped",
    ),
    Code(
        "S119",
        "no pixel common to all interferograms",
        "Each unwrapped interferogram has a free constant; the constants are joined over pixels valid in all of them, "
        "and there is none.",
        "Leave out the interferogram that covers least, and import again",
    ),
    Code(
        "W101",
        "range pixel spacing truncated to an integer",
        "SNAP writes range_pixel_spacing without its decimals (2 m for 2.33 m), which shifts slant range by 6.6 km at "
        "sample 20 000 and incidence by half a degree. Replaced by c / (2 * 64.345238 MHz) times the range looks.",
        "None needed; report the SNAP version if the header is of another sensor",
    ),
    Code(
        "W102",
        "centre or far range equals near range",
        "SNAP writes the near range three times. Centre and far range are computed from near range, spacing and width.",
        "None needed",
    ),
    Code(
        "W103",
        "azimuth pixel spacing truncated to an integer",
        "SNAP writes azimuth_pixel_spacing without its decimals (13 m for 13.9 m). Replaced by the line time times the "
        "ground speed from the state vectors, or by the spacing of the longitude and latitude grids.",
        "None needed",
    ),
    Code(
        "W104",
        "Earth radius does not belong to the latitude",
        "SNAP evaluates the radius with sine and cosine of degrees as if they were radians. Replaced by the geocentric "
        "radius of the WGS 84 ellipsoid at the scene centre.",
        "None needed",
    ),
    Code(
        "W105",
        "vertical baseline points up",
        "SNAP writes the vertical baseline positive upward in the N column of .base, where GAMMA and StaMPS take N "
        "positive downward: the perpendicular baseline would be wrong by twice the vertical part. The sign is turned.",
        "If the file was not written by SNAP give the option vertical_baseline = 'down'",
    ),
    Code(
        "W106",
        "times of day are halved",
        "SNAP turns days into seconds with 12 hours a day: start time and state-vector interval are half their value. "
        "They are not used.",
        "None needed",
    ),
    Code(
        "W107",
        "samples that are not numbers",
        "Some samples are NaN or infinite. They are read as no data.",
        "None needed if the no-data region is known; else export the date again",
    ),
    Code(
        "W108",
        "headers contradict each other",
        "Two sources of one quantity differ; the one from the processor's own header is used.",
        "Check the value stated in the message",
    ),
    Code(
        "W109",
        "loops of interferograms close only roughly",
        "Around closed loops of pairs the phases do not add up to zero, as after filtering or multilooking; images "
        "rebuilt from a spanning tree reproduce the other pairs only to this misclosure.",
        "Export unfiltered single-look interferograms where this matters",
    ),
    Code(
        "W110",
        "incidence angle of another place",
        "The incidence angle in the product is that of the full scene's centre, not of this crop. Replaced by "
        "the angle from slant range and orbit height at each pixel.",
        "None needed",
    ),
    Code(
        "W111",
        "sign of the baseline grid jumps",
        "The baseline grid changes sign between neighbours of equal size (a known fault of baselineGrid.py when the "
        "baseline is near the line of sight). The sign of the majority is given to all.",
        "Check the baseline of this date against the text file in baselines/",
    ),
    Code(
        "W201",
        "perpendicular baselines unknown",
        "No baseline file was found, or not for every date. Height errors cannot be estimated and are left out.",
        "Add the baseline files the message names",
    ),
    Code(
        "W202",
        "heights unknown",
        "No height file was found. Steps that need heights are left out by name.",
        "Add the height file the message names",
    ),
    Code(
        "W203",
        "longitude and latitude unknown",
        "Nothing says where the pixels are. Products are in pixels only.",
        "Give the option geotransform = [lon0, dlon, lat0, dlat] (degrees), or the geometry files",
    ),
    Code(
        "W204",
        "viewing geometry unknown",
        "Incidence angle and line-of-sight vector are unknown; nothing is projected to the vertical.",
        "Add the geometry files the message names",
    ),
    Code(
        "W205",
        "number of looks estimated",
        "The number of looks is not stated. It is estimated as the median over 9 x 9 windows of mean(I)^2 / var(I) of "
        "the intensity I; texture within a window makes it a lower bound.",
        "Give the option n_looks if it is known",
    ),
    Code(
        "W206",
        "coherence unknown",
        "No coherence file was found for some pairs; they are weighted equally.",
        "Add a coherence file for every pair",
    ),
)

CODES: Mapping[str, Code] = MappingProxyType({c.code: c for c in _ALL})
"""Every code, by its number."""


def refuse(code: str, file: object, problem: str, remedy: str | None = None) -> NoReturn:
    """Raise the error of a refused input.

    Parameters
    ----------
    code : str
        Number of the problem, one of :data:`CODES`.
    file : path-like
        The file at fault.
    problem : str
        Field, value found and rule broken.
    remedy : str, optional
        What to do; the remedy of the code where it is not given.

    Raises
    ------
    InputFileError
        Always.
    """
    raise InputFileError(code, file, problem, remedy or CODES[code].remedy)


def codes_markdown() -> str:
    """Return the reference page of all codes, as ``docs/reference/codes.md`` holds it."""
    heads = {
        "S1": "Refused inputs",
        "W1": "Repaired inputs",
        "W2": "Unknown quantities",
    }
    lines = [
        "# Codes of input files",
        "",
        "Generated by `subside.io.codes.codes_markdown()`. Every message about an input file starts with one of these.",
        "",
    ]
    for prefix, head in heads.items():
        lines += [f"## {head}", "", "| code | title | meaning | remedy |", "|---|---|---|---|"]
        lines += [f"| {c.code} | {c.title} | {c.description} | {c.remedy} |" for c in _ALL if c.code.startswith(prefix)]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"
