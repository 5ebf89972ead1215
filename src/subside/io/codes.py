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
        "S120",
        "processor too old",
        "Before IPF 002.43 (March 2015) the phase of the elevation antenna pattern is not compensated: interferograms "
        "with later products carry a phase that varies with range.",
        "Leave the product out, or obtain it reprocessed with a later IPF",
    ),
    Code(
        "S121",
        "not a Sentinel-1 IW SLC product",
        "The file or folder given is not a SAFE product of mode IW and type SLC, or was renamed.",
        "Give SAFE folders or zips of IW SLC products under their own names, or a folder that holds them",
    ),
    Code(
        "S122",
        "processors mixed within one date",
        "Slices of one data take come from different versions of the processor, which cut the lattice of lines "
        "differently.",
        "Give the slices of that date from one IPF version, or only those of one version",
    ),
    Code(
        "S123",
        "slices of one date do not fit together",
        "Slices of one data take differ in size, sampling or range, or their bursts do not start on whole lines of "
        "one lattice, so that they cannot be joined without resampling.",
        "Leave out the slice named, or obtain the slices again from one processing",
    ),
    Code(
        "S124",
        "tracks mixed",
        "Products of different relative orbits look at the ground differently and do not interfere.",
        "Keep each relative orbit in a folder of its own and import it as a track of its own",
    ),
    Code(
        "S125",
        "two acquisitions on one day",
        "Two data takes of the track begin on the same day; a date names one acquisition.",
        "Give the products of one of the two data takes only",
    ),
    Code(
        "S126",
        "polarisation or swath not in the product",
        "The product holds no image of the polarisation wanted, or no burst of the swaths wanted.",
        "Choose a polarisation and swaths every product has, or leave the product out",
    ),
    Code(
        "S127",
        "burst numbers contradict positions",
        "The annotated burst numbers of two dates name places on the ground that are whole bursts apart.",
        "Leave the date out and report the product",
    ),
    Code(
        "S128",
        "orbit file does not cover the scene",
        "The state vectors of the orbit file begin too late or end too early for the scene and the margin that "
        "interpolation needs, belong to another satellite, or have a gap.",
        "Obtain the orbit file whose validity holds the scene, for that satellite, and give its folder",
    ),
    Code(
        "S129",
        "vertical datum of the DEM not stated",
        "Heights are above the ellipsoid or above a geoid, up to 100 m apart; which is never assumed.",
        "State vertical_datum = 'ellipsoid', or 'geoid' together with the grid of that geoid",
    ),
    Code(
        "S130",
        "DEM stops short",
        "The DEM does not cover the area asked for on the side named.",
        "Give a DEM that covers the area, or make the area of interest smaller",
    ),
    Code(
        "S131",
        "absurd heights",
        "Heights outside -500 to 9000 m, or in other units than metres: the file is not a DEM in metres, or marks its "
        "voids by a value it does not declare.",
        "Check units and no-data value of the DEM",
    ),
    Code(
        "S132",
        "geoid grid unusable",
        "The geoid grid does not cover the DEM, or its values are not undulations in metres between -120 and 120.",
        "Give the grid of undulations of the geoid named, such as us_nga_egm96_15.tif or us_nga_egm08_25.tif of PROJ",
    ),
    Code(
        "S133",
        "raster has no coordinate system",
        "The raster has no coordinate system or no position, so its heights cannot be placed.",
        "Write the coordinate system into the file, for example with gdal_edit -a_srs",
    ),
    Code(
        "S134",
        "area of interest not understood",
        "The file holds no polygon, or does not say in which coordinate system it is.",
        "Give west,south,east,north in degrees, or a GeoJSON, GeoPackage or shapefile of polygons",
    ),
    Code(
        "S135",
        "no orbit file for a date",
        "A folder of orbit files was given and none of them serves one of the dates. The orbit in the annotation can "
        "be wrong by a metre along track.",
        "Put the POEORB (after some 20 days) or RESORB file the message names into the folder, or give the option "
        "annotation_orbits = true to use the vectors of the annotation for such dates",
    ),
    Code(
        "S136",
        "area of interest outside the images",
        "No burst of the reference date sees the area.",
        "Check that longitude comes before latitude, and that the products are those of the area",
    ),
    Code(
        "S137",
        "layout of points not known",
        "The columns or the content are not those of a layout of points that is read.",
        "Give a GeoParquet or CSV exported here, an EGMS CSV or zip, a StaMPS-Visualizer CSV, or a CSV with longitude, "
        "latitude, velocity and the line of sight",
    ),
    Code(
        "S138",
        "columns missing",
        "A column that is needed is not in the header, or one is there twice.",
        "Name the columns as documented for the table",
    ),
    Code(
        "S139",
        "position out of range",
        "A longitude, latitude or projected position is unknown, outside its range, or contradicts another column.",
        "Check that longitude and latitude are degrees and not exchanged, and remove rows without a position",
    ),
    Code(
        "S140",
        "dates repeated or out of order",
        "Columns or rows of dates must be days of the calendar, each once, ascending where they are columns.",
        "Sort the dates and keep each once",
    ),
    Code(
        "S141",
        "file damaged",
        "The file breaks off, fails its checksum, or is not what its first bytes say.",
        "Copy or download the file again",
    ),
    Code(
        "S142",
        "cell is not a number",
        "A cell of a numeric column holds text, or a row has too many or too few cells.",
        "Mend the row the message names; leave unknown values empty",
    ),
    Code(
        "S143",
        "no rows",
        "The file holds no row of data.",
        "Give a file with data",
    ),
    Code(
        "S144",
        "line of sight is not a unit vector",
        "The length of (los_east, los_north, los_up) differs from 1 by more than 0.02, or it points down: the columns "
        "are angles, exchanged, or point from the satellite to the ground.",
        "Give the unit vector from the ground to the satellite, or incidence_angle and heading in degrees",
    ),
    Code(
        "S145",
        "unit not stated",
        "A column of a quantity with a unit does not end in one that is known; a unit is never assumed.",
        "Rename the column with its unit, such as rain_mm, depth_m, level_m, up_mm",
    ),
    Code(
        "S146",
        "rows repeated",
        "Rows that must differ (one name, one date of a series) are there twice.",
        "Keep one of the rows",
    ),
    Code(
        "S147",
        "coordinate system not stated",
        "The file does not say in which coordinate system its coordinates are.",
        "State it, for a line with --line-crs EPSG:CODE, or write it into the file",
    ),
    Code(
        "S148",
        "wrong kind of geometry",
        "The file holds no geometry of the kind wanted, or geometries that are empty or break their rules.",
        "Give points, lines or polygons as the option asks",
    ),
    Code(
        "S149",
        "parts of the line do not join",
        "The parts of a line do not form one line end to end, so distances along it have no meaning.",
        "Join the parts in a GIS, or give one of them",
    ),
    Code(
        "S150",
        "value breaks its rule",
        "A value in a table is outside its range or contradicts another: negative rain, an end before its start, a "
        "kind that is not known.",
        "Mend the row the message names",
    ),
    Code(
        "S151",
        "standards not understood",
        "The file of limits is not TOML, or a limit has a key, quantity or value that is not known.",
        "Start from a copy of the file that is shipped and keep its keys",
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
        "W120",
        "bursts missing",
        "A date lacks bursts that most other dates have, or a burst has lines without data. Nothing is put in their "
        "place; the date stays in the stack with a partial image.",
        "None needed; add the missing slice if there is one",
    ),
    Code(
        "W121",
        "radio interference",
        "The processor reports radio interference in the swath. Interference that was not removed lowers coherence.",
        "None needed; leave the date out if its coherence is low",
    ),
    Code(
        "W122",
        "burst given twice",
        "A burst is in two slices of the data take. The first is used.",
        "None needed",
    ),
    Code(
        "W123",
        "bursts out of step",
        "The bursts of a date start more than 10 lines from where those of the other dates start, or the date is in a "
        "period known for it: part of the azimuth band is not common and interferograms lose coherence.",
        "Leave the date out if its coherence is low",
    ),
    Code(
        "W124",
        "burst numbers corrected",
        "Numbers computed for products without annotated ones were off because the annotated time of the ascending "
        "node was wrong. They are replaced by those of the same ground on other dates.",
        "None needed",
    ),
    Code(
        "W125",
        "orbit file set aside",
        "An orbit file that should serve the date cannot be used. The next best one is taken.",
        "Obtain the file named again",
    ),
    Code(
        "W126",
        "orbit of the annotation used",
        "No orbit file serves the date. The state vectors of the annotation are used: they are predicted or restituted "
        "ones, off by centimetres to a metre along track.",
        "Obtain the precise orbit file (AUX_POEORB, 20 days after the acquisition) for the satellite and day named",
    ),
    Code(
        "W127",
        "state vectors of lower quality",
        "Some state vectors of the orbit file are not marked NOMINAL, as during manoeuvres.",
        "None needed; check the residual phase ramp of the date",
    ),
    Code(
        "W128",
        "voids of the DEM filled",
        "Small voids were filled from their neighbours by inverse distance.",
        "None needed",
    ),
    Code(
        "W129",
        "manoeuvre in the orbit",
        "A state vector does not lie on the smooth curve of its neighbours: the satellite fired its thrusters near the "
        "scene. Orbits are then wrong by centimetres, which remains as a smooth phase across the scene.",
        "Look at this date in the network and the ramps; leave it out if it stands out",
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
    Code(
        "W220",
        "heights unknown in places",
        "Voids of the DEM that are too large to fill stay unknown; pixels there have no geometry and no phase.",
        "Give a DEM without voids, with zeros over the sea",
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
