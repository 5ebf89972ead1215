"""The viewer: points on a map in a browser, without a network."""

from subside.viewer.data import ViewerData
from subside.viewer.server import make_server, serve
from subside.viewer.static_export import export_static

__all__ = ["ViewerData", "export_static", "make_server", "serve"]
