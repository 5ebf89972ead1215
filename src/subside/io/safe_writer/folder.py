"""A SAFE folder that is being written: pixels as they come, annotation and manifest at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError
from subside.io.safe_writer._calibration import calibration_xml, noise_xml
from subside.io.safe_writer._instrument import Statistics
from subside.io.safe_writer._manifest import manifest_xml
from subside.io.safe_writer._tiff import tiff_header
from subside.io.safe_writer.annotation import annotation_xml
from subside.io.safe_writer.product import SafeProduct

_FOLDERS = ("annotation/calibration", "measurement")


class SafeFolder:
    """One product on disk.

    Parameters
    ----------
    parent : Path
        Folder to make ``NAME.SAFE`` in.
    product : SafeProduct
        What to write.

    Raises
    ------
    ArgumentError
        If the folder is there already.
    """

    def __init__(self, parent: Path, product: SafeProduct) -> None:
        self.product = product
        self.path = parent / f"{product.name}.SAFE"
        if self.path.exists():
            raise ArgumentError(f"`parent` must not hold {self.path.name} yet; remove it or write elsewhere")
        for folder in _FOLDERS:
            (self.path / folder).mkdir(parents=True)
        self._offset = {name: self._begin(name) for name in product.acquisition.swaths}
        self._sums = {name: np.zeros((3, 2)) for name in product.acquisition.swaths}

    def _measurement(self, swath: str) -> Path:
        return self.path / "measurement" / f"{self.product.stem(swath)}.tiff"

    def _begin(self, name: str) -> int:
        """Write the header of a measurement file and the room for its samples, zero; return where they begin."""
        swath, g = self.product.acquisition.swaths[name], self.product.grids[name]
        shape = (len(swath.bursts) * swath.lines_per_burst, swath.samples_per_burst)
        ties = np.stack([g.sample, g.line, np.zeros_like(g.line), g.longitude, g.latitude, g.height], axis=1)
        mission = self.product.acquisition.mission
        description = f"Sentinel-{mission[1:]} IW SLC L1 simulated {name} {self.product.acquisition.polarisation}"
        date = self.product.utc(swath.bursts[0].time)[:19].replace("-", ":").replace("T", " ")
        header = tiff_header(shape, tie_points=ties, description=description, date=date)
        with self._measurement(name).open("wb") as file:
            file.write(header)
            file.truncate(len(header) + 4 * shape[0] * shape[1])
        return len(header)

    def write(self, swath: str, burst: int, *, samples: slice, pixels: npt.NDArray[np.int16]) -> None:
        """Write all lines of some samples of a burst.

        Parameters
        ----------
        swath : str
            Name.
        burst : int
            Position in the bursts of the swath.
        samples : slice
            Samples of the burst.
        pixels : ndarray of int16, (line, sample, 2)
            I and Q, digital numbers.

        Raises
        ------
        ArgumentError
            If the pixels are not of that shape.
        """
        of = self.product.acquisition.swaths[swath]
        shape = (of.lines_per_burst, samples.stop - samples.start, 2)
        if pixels.shape != shape or pixels.dtype != np.int16:
            raise ArgumentError(f"`pixels` must be int16 of shape {shape}, got {pixels.dtype} {pixels.shape}")
        n_lines = len(of.bursts) * of.lines_per_burst
        whole = np.memmap(
            self._measurement(swath), "<i2", "r+", self._offset[swath], (n_lines, of.samples_per_burst, 2)
        )
        whole[burst * of.lines_per_burst : (burst + 1) * of.lines_per_burst, samples] = pixels
        whole.flush()
        record = of.bursts[burst]
        valid = pixels[record.first_line : record.last_line + 1].reshape(-1, 2).astype(np.float64)
        self._sums[swath] += np.stack([np.full(2, float(len(valid))), valid.sum(0), (valid**2).sum(0)])

    def finish(self) -> Path:
        """Write annotation, calibration, noise and, last of all, the manifest; return the folder."""
        files = []
        for name, swath in self.product.acquisition.swaths.items():
            stem = self.product.stem(name)
            annotation = annotation_xml(
                self.product, swath, offset=self._offset[name], statistics=self._statistics(name)
            )
            for file, content in (
                (f"annotation/{stem}.xml", annotation),
                (f"annotation/calibration/calibration-{stem}.xml", calibration_xml(self.product, swath)),
                (f"annotation/calibration/noise-{stem}.xml", noise_xml(self.product, swath)),
            ):
                (self.path / file).write_bytes(content)
                files.append(self.path / file)
            files.append(self._measurement(name))
        (self.path / "manifest.safe").write_bytes(manifest_xml(self.product, self.path, files))
        return self.path

    def _statistics(self, swath: str) -> Statistics:
        n, total, squares = self._sums[swath]
        mean = total / np.maximum(n, 1.0)
        std = np.sqrt(np.maximum(squares / np.maximum(n, 1.0) - mean**2, 0.0))
        return Statistics(complex(*mean), complex(*std))
