"""Ground subsidence with tested error bars from Sentinel-1 SAR stacks."""

from importlib.metadata import version as _version

__version__ = _version("subside")
