"""XML from nested pairs of tag and content, with the number formats of Sentinel-1 annotation."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Node = tuple[str, Any] | tuple[str, Any, dict[str, str]]
"""Tag, content (text, number, bool or nodes), attributes."""


def text_of(value: Any) -> str:
    """Text of a value: booleans in lower case, floats with every digit they have."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.16e}"
    return str(value)


def numbers(tag: str, values: npt.ArrayLike, form: str = ".16e") -> Node:
    """Node of an array with its count."""
    array = np.asarray(values).ravel()
    return tag, " ".join(format(v, form) for v in array.tolist()), {"count": str(array.size)}


def listed(tag: str, item: str, contents: Iterable[Any]) -> Node:
    """Node of a list of items with its count."""
    nodes = [(item, content) for content in contents]
    return tag, nodes, {"count": str(len(nodes))}


def _append(parent: ET.Element, node: Node) -> None:
    child = ET.SubElement(parent, node[0], node[2] if len(node) == 3 else {})
    _fill(child, node[1])


def _fill(element: ET.Element, content: Any) -> None:
    if isinstance(content, list):
        for node in content:
            _append(element, node)
    elif content is not None:
        element.text = text_of(content)


def document(node: Node) -> bytes:
    """Whole XML document, indented."""
    root = ET.Element(node[0], node[2] if len(node) == 3 else {})
    _fill(root, node[1])
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written + b"\n"


def utc(epoch: np.datetime64, seconds: float) -> str:
    """UTC to the microsecond of seconds since an epoch."""
    return str(epoch.astype("datetime64[us]") + np.timedelta64(round(seconds * 1e6), "us"))
