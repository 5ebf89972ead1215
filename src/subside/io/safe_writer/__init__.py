"""Writing Sentinel-1 IW SLC products in SAFE format, with their orbit files and elevation model."""

from subside.io.safe_writer.files import orbit_file_name, write_dem, write_orbit_file
from subside.io.safe_writer.folder import SafeFolder
from subside.io.safe_writer.product import GridPoints, SafeProduct

__all__ = ["GridPoints", "SafeFolder", "SafeProduct", "orbit_file_name", "write_dem", "write_orbit_file"]
