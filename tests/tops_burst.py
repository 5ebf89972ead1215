"""The signal model of one burst, as in IW1 but narrow."""

from subside.model.acquisition import RangePolynomial
from subside.ops.tops import TopsModel

LINES, SAMPLES = 1502, 4000
FAST = 5.336e-3
MODEL = TopsModel(
    line_interval=2.0555563e-3,
    mid_line=LINES / 2,
    slant_range_time=FAST,
    range_sampling_rate=64.345238126e6,
    mid_sample=SAMPLES / 2,
    steering_doppler=7597.0,
    doppler=RangePolynomial(FAST + 1e-5, (12.0, -2e4, 3e6)),
    fm_rate=RangePolynomial(FAST, (-2290.0, 4.4e5, -8e7)),
    wavelength=0.05546576,
    valid_lines=(20, 1483),
    valid_samples=(40, SAMPLES - 30),
    range_bandwidth=56.5e6,
    azimuth_bandwidth=327.0,
    window_coefficient=0.75,
)
