"""SAFE products to acquisitions: values, containers, slices, burst numbers, and what is refused or made known."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile

import numpy as np
import pytest
from safe_trees import PERIOD, STEP, Tree, frozen_orbit, write_tree, zip_tree

from subside.errors import ArgumentError, InputFileError
from subside.io.acquisitions import acquisition_from_json, acquisition_to_json
from subside.io.safe import (
    burst_footprints,
    burst_synchronisation,
    known_problem,
    open_burst,
    read_acquisitions,
    read_geolocation,
)
from subside.io.safe.numbering import N_BURST_IDS, time_since_node

BASE = Tree()
LATER = BASE.but(node="2021-03-16T10:00:00", absolute_orbit=20_237, data_take="023211", first=83_975)


def refused(code, paths, **options):
    with pytest.raises(InputFileError) as caught:
        read_acquisitions(paths, **options)
    assert caught.value.code == code, caught.value
    return str(caught.value)


def numbers(acquisition):
    return {name: [b.burst_id for b in s.bursts] for name, s in acquisition.swaths.items()}


def test_values_come_in_si_and_polynomials_belong_to_the_middle_of_the_burst(tmp_path):
    (acquisition,), findings = read_acquisitions([write_tree(tmp_path, BASE)])
    assert findings == ()
    assert (acquisition.date, acquisition.mission, acquisition.relative_orbit) == ("20210304", "S1A", 40)
    assert (acquisition.polarisation, acquisition.ipf_version, acquisition.is_ascending) == ("VV", "003.31", True)
    assert acquisition.wavelength == pytest.approx(0.05546576, abs=1e-8)
    assert sorted(acquisition.swaths) == ["IW1", "IW2"]
    swath = acquisition.swaths["IW2"]
    assert swath.steering_rate == pytest.approx(1.590368784 * np.pi / 180, rel=1e-12)
    assert swath.incidence_mid_swath == pytest.approx(np.radians(33.6))
    assert (swath.lines_per_burst, swath.samples_per_burst, swath.window_coefficient) == (24, 40, 0.70)
    assert (swath.range_bandwidth, swath.azimuth_bandwidth) == (56.5e6, 327.0)
    for k, burst in enumerate(swath.bursts):
        midnight = np.datetime64("2021-03-04", "us")
        assert burst.time == (BASE.start("IW2", k) - midnight).astype(int) / 1e6
        assert burst.sensing_time == (BASE.sensing("IW2", k) - midnight).astype(int) / 1e6
        assert (burst.first_line, burst.last_line, burst.first_sample, burst.last_sample) == (3, 21, 2, 36)
        assert burst.line_offset == 24 * k
        assert burst.doppler.coefficients == (k, -200.0, 3e4) and burst.doppler.origin == 5.33e-3
        assert burst.fm_rate.coefficients[0] == -2300 - k and burst.fm_rate.origin == 5.34e-3
    assert len(acquisition.orbit.time) == 17 and acquisition.orbit.source == "annotation"
    assert 6.9e6 < np.linalg.norm(acquisition.orbit.position[0]) < 7.2e6


def test_folders_zips_and_folders_of_them_give_the_same(tmp_path):
    root = write_tree(tmp_path / "a", BASE)
    (tmp_path / "z").mkdir()
    name = f"{BASE.name}.zip"
    stored = zip_tree(root, tmp_path / "z" / name.replace(".zip", ".ZIP"), zipfile.ZIP_STORED)
    (tmp_path / "d" / "deep").mkdir(parents=True)
    zip_tree(root, tmp_path / "d" / "deep" / name, zipfile.ZIP_DEFLATED, "inner/")
    (tmp_path / "d" / "notes.zip").write_bytes(b"no zip, and no business of ours")

    def bare(acquisition):
        plain = acquisition_to_json(acquisition)
        for swath in plain["swaths"].values():
            for burst in swath["bursts"]:
                burst["file"] = ""
        return plain

    read = [read_acquisitions([p])[0][0] for p in (root, tmp_path / "a", stored, tmp_path / "d")]
    assert all(bare(a) == bare(read[0]) for a in read)
    pixels = [open_burst(a, "IW1", 83_976).read() for a in read]
    assert all(np.array_equal(p, pixels[0]) for p in pixels)
    (twice,), _ = read_acquisitions([tmp_path / "z", tmp_path / "a"])
    assert "!" not in twice.swaths["IW1"].bursts[0].file, "the folder comes before the zip"


@pytest.mark.parametrize("has_ids", [False, True])
def test_slices_are_joined_and_duplicates_dropped(tmp_path, has_ids):
    first = BASE.but(n=3, has_ids=has_ids)
    second = BASE.but(first=83_977, n=3, has_ids=has_ids, crc="BBBB")
    paths = [write_tree(tmp_path, second), write_tree(tmp_path, first)]
    (acquisition,), findings = read_acquisitions(paths)
    assert numbers(acquisition) == {s: list(range(83_975, 83_980)) for s in ("IW1", "IW2")}
    assert [f.code for f in findings] == ["W122", "W122"] and "83977" in findings[0].message
    assert acquisition.products == (first.name, second.name)
    swath = acquisition.swaths["IW1"]
    assert [b.line_offset for b in swath.bursts] == [0, 24, 48, 24, 48]
    starts = np.array([b.time for b in swath.bursts])
    steps = (starts - starts[0]) / STEP
    assert np.abs(steps - np.round(steps)).max() < 1e-3
    assert np.all(np.diff(acquisition.orbit.time) >= 5)


def test_slices_that_do_not_fit_are_refused(tmp_path):
    good = write_tree(tmp_path, BASE)
    other = BASE.but(first=83_978, crc="BBBB")
    message = refused("S122", [good, write_tree(tmp_path / "ipf", other.but(ipf="003.20"))])
    assert "003.20" in message and "003.31" in message
    assert "line off" in refused("S123", [good, write_tree(tmp_path / "off", other.but(lattice_error=0.3))])
    near = write_tree(tmp_path / "near", other.but(slant_range_time=5.3401e-3))
    assert "slant_range_time" in refused("S123", [good, near])
    assert "lines per burst" in refused("S123", [good, write_tree(tmp_path / "size", other.but(lines=25))])
    moved = BASE.but(first=83_977, crc="CCCC", late=0.02)
    assert "burst 83977" in refused("S123", [good, write_tree(tmp_path / "moved", moved)])


def test_old_processors_are_refused(tmp_path):
    message = refused("S120", [write_tree(tmp_path, BASE.but(ipf="002.36"))])
    assert "002.36" in message and BASE.name in message
    (acquisition,), _ = read_acquisitions([write_tree(tmp_path / "ok", BASE.but(ipf="002.43"))])
    assert acquisition.ipf_version == "002.43"


def test_polarisation_and_swath_are_matched_by_token(tmp_path):
    both = BASE.but(polarisations=("VV", "VH"), swaths=("IW1", "IW2", "IW3"))
    root = write_tree(tmp_path, both)
    (acquisition,), _ = read_acquisitions([root], polarisation="VH", swaths=("IW3", "IW1"))
    assert sorted(acquisition.swaths) == ["IW1", "IW3"] and acquisition.polarisation == "VH"
    read = open_burst(acquisition, "IW3", 83_975).read()
    assert np.array_equal(read.real, both.image("IW3", "VH")[:24, :, 0])
    assert not np.array_equal(read.real, both.image("IW3", "VV")[:24, :, 0])
    lone = write_tree(tmp_path / "lone", BASE)
    assert "['VV']" in refused("S126", [lone], polarisation="VH")
    refused("S126", [lone], swaths=("IW3",))
    with pytest.raises(ArgumentError, match="polarisation"):
        read_acquisitions([lone], polarisation="LL")
    with pytest.raises(ArgumentError, match="swaths"):
        read_acquisitions([lone], swaths=("IW4",))
    with pytest.raises(ArgumentError, match="paths"):
        read_acquisitions([])


def test_annotation_under_another_swaths_name_is_refused(tmp_path):
    root = write_tree(tmp_path, BASE.but(swaths=("IW1",)))
    for file in (*root.glob("annotation/*.xml"), *root.glob("measurement/*")):
        file.rename(file.with_name(file.name.replace("iw1", "iw2")))
    assert "IW2 VV" in refused("S109", [root])


@pytest.mark.parametrize("pattern", ["manifest.safe", "annotation/s1a-iw2*.xml", "measurement/s1a-iw2*.tiff"])
def test_missing_files_are_named(tmp_path, pattern):
    root = write_tree(tmp_path, BASE)
    (gone,) = root.glob(pattern)
    gone.unlink()
    code = "S121" if pattern == "manifest.safe" else "S102"
    if code == "S102":
        assert gone.name.removesuffix(".xml") in refused(code, [root])
    else:
        refused("S102", [tmp_path])


def test_missing_pixels_matter_only_if_wanted(tmp_path):
    root = write_tree(tmp_path, BASE)
    shutil.rmtree(root / "measurement")
    refused("S102", [root])
    (acquisition,), _ = read_acquisitions([root], is_measured=False)
    assert numbers(acquisition)["IW1"] == [83_975, 83_976, 83_977]
    with pytest.raises(InputFileError, match="S102"):
        open_burst(acquisition, "IW1", 83_975)


@pytest.mark.parametrize("keep", [0, 3, 50, 5000, -1])
def test_truncated_tiff_is_refused_before_anything_long(tmp_path, keep):
    root = write_tree(tmp_path, BASE)
    (file,) = root.glob("measurement/*iw2*")
    file.write_bytes(file.read_bytes()[:keep])
    assert file.name in refused("S103", [root])
    zipped = zip_tree(root, tmp_path / f"{BASE.name}.zip", zipfile.ZIP_DEFLATED)
    assert file.name in refused("S103", [zipped])


def test_truncated_zip_is_refused(tmp_path):
    root = write_tree(tmp_path, BASE)
    zipped = zip_tree(root, tmp_path / f"{BASE.name}.zip", zipfile.ZIP_STORED)
    zipped.write_bytes(zipped.read_bytes()[:-200])
    assert zipped.name in refused("S103", [zipped])


def test_what_is_no_product_is_refused(tmp_path):
    refused("S101", [tmp_path / "absent"])
    refused("S101", [tmp_path])
    (tmp_path / "a.tif").write_bytes(b"")
    refused("S121", [tmp_path / "a.tif"])
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("readme", "")
    refused("S121", [tmp_path / "b.zip"])
    root = write_tree(tmp_path / "c", BASE)
    ground = root.rename(root.with_name(root.name.replace("SLC_", "GRDH")))
    assert "GRDH" in refused("S121", [ground])
    refused("S101", [tmp_path / "c"])


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("<radarFrequency>5.405000454334350e+09</radarFrequency>", "", "radarFrequency"),
        ("6.434523812571428e+07", "fast", "rangeSamplingRate"),
        ("6.434523812571428e+07", "-6.4e+07", "range_sampling_rate"),
        ("<linesPerBurst>24", "<linesPerBurst>23", "firstValidSample"),
        ("<ascendingNodeTime>2021", "<ascendingNodeTime>the year 2021", "ascendingNodeTime"),
        ("</product>", "", "whole XML"),
        ("dcEstimate>", "other>", "dcEstimateList"),
    ],
)
def test_malformed_annotation_is_refused_by_field(tmp_path, old, new, field):
    root = write_tree(tmp_path, BASE.but(changes={old: new}))
    assert field in refused("S109", [root])


def test_tracks_are_not_mixed(tmp_path):
    write_tree(tmp_path, BASE)
    write_tree(tmp_path, BASE.but(node="2021-03-05T08:00:00", track=69, first=146_300, data_take="111111"))
    message = refused("S124", [tmp_path])
    assert "40 (1 dates), 69 (1 dates)" in message


def test_two_data_takes_of_a_day_are_refused(tmp_path):
    write_tree(tmp_path, BASE)
    write_tree(tmp_path, BASE.but(first=83_990, data_take="023163"))
    assert "023163" in refused("S125", [tmp_path])


def test_partial_dates_and_damaged_bursts_are_made_known(tmp_path):
    third = LATER.but(node="2021-03-28T10:00:00", data_take="023999")
    for tree in (BASE.but(n=4), LATER.but(n=4), third.but(first=83_976, empty=(1,))):
        write_tree(tmp_path, tree)
    acquisitions, findings = read_acquisitions([tmp_path])
    assert numbers(acquisitions[2])["IW1"] == [83_976, 83_978]
    assert [f.code for f in findings] == ["W120"] * 4
    texts = [f.message for f in findings]
    assert sum("burst 83977" in t and "no valid line" in t for t in texts) == 2
    assert "20210328 lacks bursts 83975, 83977 of IW1; they stay without data on that date" in texts


def test_holes_between_valid_lines_are_made_known(tmp_path):
    row = ["2"] * 24
    row[:3], row[-2:] = ["-1"] * 3, ["-1"] * 2
    holed = [*row[:9], "-1", "-1", *row[11:]]
    root = write_tree(tmp_path, BASE.but(n=1, swaths=("IW1",), changes={" ".join(row): " ".join(holed)}))
    (acquisition,), (finding,) = read_acquisitions([root])
    assert finding.code == "W120" and "2 invalid lines" in finding.message
    assert acquisition.swaths["IW1"].bursts[0].last_line == 21


def test_interference_is_reported(tmp_path):
    _, findings = read_acquisitions([write_tree(tmp_path, BASE.but(interference=True, swaths=("IW1",)))])
    (finding,) = findings
    assert finding.code == "W121" and "1 of 2 noise" in finding.message and "31 %" in finding.message


def test_time_since_node_is_that_of_the_frozen_orbit():
    times = np.linspace(0.0, PERIOD, 200, endpoint=False)
    states = frozen_orbit(times)
    found = np.array([time_since_node(s[:3], s[3:]) for s in states])
    assert np.abs((found - times + PERIOD / 2) % PERIOD - PERIOD / 2).max() < 1e-3


@pytest.mark.parametrize("track", [1, 40, 175])
@pytest.mark.parametrize("error", [0.0, 1.3, -1.6, 30.0, -PERIOD, -PERIOD + 1.4])
def test_burst_numbers_survive_wrong_node_times(tmp_path, track, error):
    """The node of the annotation is off by seconds or by an orbit; the state vectors know better."""
    first = round(((track - 1) * PERIOD + 1500) / 2.758273)
    tree = BASE.but(track=track, first=first, node_error=error)
    (acquisition,), findings = read_acquisitions([write_tree(tmp_path, tree)])
    assert numbers(acquisition) == {s: [first, first + 1, first + 2] for s in ("IW1", "IW2")}
    assert findings == ()


@pytest.mark.parametrize("node_error", [0.0, -PERIOD])
@pytest.mark.parametrize("track", [15, 174, 175])
def test_burst_numbers_go_on_across_the_node(tmp_path, track, node_error):
    """Products that start before the node and end after it; numbers of the last track go on from 1."""
    starts = []
    for back in range(4):
        tree = BASE.but(track=track, first=round(track * PERIOD / 2.758273) - back, n=6, node_error=node_error)
        starts.append((tree.start("IW1", 0) - tree.anx).astype(int) / 1e6 - PERIOD)
        (acquisition,), _ = read_acquisitions([write_tree(tmp_path / str(back), tree)])
        expected = [(tree.first + k - 1) % N_BURST_IDS + 1 for k in range(6)]
        assert numbers(acquisition) == {"IW1": expected, "IW2": expected}
    assert min(starts) < -9 and -3 < max(starts) < 0


@pytest.mark.parametrize("start", [-0.99, -0.6, -0.2, 0.01, 0.2, 2.0])
def test_a_product_that_starts_at_the_node_is_in_one_orbit_with_all_its_swaths(tmp_path, start):
    """IW1 may begin before the node and IW2 after it; which orbit counts is settled once, for the product."""
    first = round(40 * PERIOD / 2.758273) + 2
    tree = BASE.but(first=first)
    late = start + PERIOD - (tree.start("IW1", 0) - tree.anx).astype(int) / 1e6
    wanted = first + int(np.floor(0.49 + late / 2.758273))
    tree = tree.but(node=str(tree._at(PERIOD)), track=41, late=late) if start > 0 else tree.but(late=late)
    (acquisition,), _ = read_acquisitions([write_tree(tmp_path, tree)])
    assert numbers(acquisition) == {s: [wanted, wanted + 1, wanted + 2] for s in ("IW1", "IW2")}


def test_same_ground_has_the_same_number_on_every_date(tmp_path):
    """Computed numbers that contradict annotated ones give way; annotated ones that contradict are refused."""
    annotated = LATER.but(has_ids=True, ipf="003.40")
    write_tree(tmp_path, BASE)
    write_tree(tmp_path, annotated.but(id_error=1))
    acquisitions, findings = read_acquisitions([tmp_path])
    assert [numbers(a)["IW1"] for a in acquisitions] == [[83_976, 83_977, 83_978]] * 2
    assert [f.code for f in findings] == ["W124"] and "20210304 moved by 1" in findings[0].message
    third = annotated.but(node="2021-03-28T10:00:00", data_take="023999")
    write_tree(tmp_path, third)
    assert "off by" in refused("S127", [tmp_path])


def test_bursts_out_of_step_are_made_known(tmp_path):
    for k, late in enumerate((0.0, 0.004, 0.0, 0.05)):
        node = str(np.datetime64("2021-03-04T10:00:00") + np.timedelta64(12 * k, "D"))
        write_tree(tmp_path, BASE.but(node=node, data_take=f"00000{k}", late=late))
    acquisitions, findings = read_acquisitions([tmp_path])
    assert [f.code for f in findings] == ["W123"] and "20210409" in findings[0].message
    lines = burst_synchronisation(acquisitions[0], acquisitions[3])
    assert lines["IW1"][83_976] == pytest.approx(0.05 / STEP, rel=0.08)
    assert known_problem(acquisitions[0]) is None


def test_the_day_known_for_it_is_named(tmp_path):
    _, findings = read_acquisitions([write_tree(tmp_path, BASE.but(node="2025-04-30T10:00:00"))])
    assert [f.code for f in findings] == ["W123"] and "disclaimer 273" in findings[0].message


def test_times_go_on_past_midnight(tmp_path):
    first = round((39 * PERIOD + 7.0) / 2.758273)
    (acquisition,), _ = read_acquisitions(
        [write_tree(tmp_path, BASE.but(node="2021-03-04T23:59:50", first=first, n=6))]
    )
    starts = [b.time for b in acquisition.swaths["IW1"].bursts]
    assert acquisition.date == "20210304" and starts[0] < 86_400 < starts[-1]
    assert np.diff(starts) == pytest.approx(2.758, abs=2 * STEP)


def test_json_gives_back_the_same_bits(tmp_path):
    (acquisition,), _ = read_acquisitions([write_tree(tmp_path, BASE)])
    plain = json.loads(json.dumps(acquisition_to_json(acquisition)))
    again = acquisition_from_json(plain)
    assert acquisition_to_json(again) == acquisition_to_json(acquisition)
    assert again.swaths == acquisition.swaths and again.epoch == acquisition.epoch
    assert again.products == acquisition.products
    for name in ("time", "position", "velocity"):
        assert np.array_equal(getattr(again.orbit, name), getattr(acquisition.orbit, name))
    assert {f.name for f in dataclasses.fields(acquisition)} == set(plain)


def test_footprints_follow_the_geolocation_grid(tmp_path):
    (acquisition,), _ = read_acquisitions([write_tree(tmp_path, BASE)])
    grid = read_geolocation(acquisition, "IW2")
    assert len(grid.time) == 12 and grid.incidence_angle[0] == pytest.approx(np.radians(33))
    assert grid.time[0] == acquisition.swaths["IW2"].bursts[0].time
    outlines = burst_footprints(acquisition, "IW2")
    bursts = acquisition.swaths["IW2"].bursts
    for burst in bursts:
        outline = outlines[burst.burst_id]
        assert np.array_equal(outline[0], outline[-1])
        assert outline[:, 0].min() == pytest.approx(20.02) and outline[:, 0].max() == pytest.approx(20.36)
        since = burst.time - bursts[0].time + np.array([3, 21]) * STEP
        assert outline[:, 1].min() == pytest.approx(10 + since[0] / 10, abs=1e-6)
        assert outline[:, 1].max() == pytest.approx(10 + since[1] / 10, abs=1e-6)
