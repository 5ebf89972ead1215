"""Validation against the part of XML Schema that the schemas of Sentinel-1 products use.

Sequences with occurrences, attributes, and simple types by enumeration, pattern and limits. Enough to refuse a
missing, misplaced, surplus or malformed element; no schema library needs to be installed.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

_NS = "{http://www.w3.org/2001/XMLSchema}"
_INTEGERS = {
    "integer": (None, None),
    "nonNegativeInteger": (0, None),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 255),
}
_DATE = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


class Schema:
    """A schema file with what it includes."""

    def __init__(self, path: Path) -> None:
        self.types: dict[str, ET.Element] = {}
        self.roots: dict[str, str] = {}
        self._load(path)

    def _load(self, path: Path) -> None:
        for node in ET.parse(path).getroot():
            kind = node.tag.removeprefix(_NS)
            if kind == "include":
                self._load(path.parent / node.get("schemaLocation", ""))
            elif kind in ("complexType", "simpleType"):
                self.types[node.get("name", "")] = node
            elif kind == "element":
                self.roots[node.get("name", "")] = node.get("type", "")

    def faults(self, document: ET.Element) -> list[str]:
        """What is wrong with a document; empty where nothing is."""
        if document.tag not in self.roots:
            return [f"unknown root {document.tag}"]
        return self._element(document, self.roots[document.tag], document.tag)

    def _element(self, element: ET.Element, kind: str, path: str) -> list[str]:
        definition = self.types.get(kind)
        if definition is None or definition.tag == f"{_NS}simpleType":
            surplus = [f"attribute {a}" for a in element.attrib] + [f"child {c.tag}" for c in element]
            return self._value(element.text or "", kind, path) + [f"{path}: {what}" for what in surplus]
        attributes, sequence, content, rules = self._parts(definition)
        found = [f"{path}: attribute {a}" for a in element.attrib if a not in attributes]
        for name, (of, is_required) in attributes.items():
            if name in element.attrib:
                found += self._value(element.attrib[name], of, f"{path}@{name}")
            elif is_required:
                found.append(f"{path}: no attribute {name}")
        if not content:
            return found + self._sequence(element, sequence, path)
        text = element.text or ""
        found += self._value(text, content, path)
        return found or [fault for rule in rules for fault in self._facets(text, rule, path)]

    def _parts(
        self, definition: ET.Element
    ) -> tuple[dict[str, tuple[str, bool]], list[ET.Element], str, list[ET.Element]]:
        """Attributes, elements in order, kind of the text, and restrictions of the text."""
        attributes: dict[str, tuple[str, bool]] = {}
        sequence: list[ET.Element] = []
        content, rules = "", []
        simple = definition.find(f"{_NS}simpleContent")
        derived = next((e for e in definition.iter() if e.tag in (f"{_NS}extension", f"{_NS}restriction")), None)
        if derived is not None:
            base = derived.get("base", "")
            if base in self.types and self.types[base].tag == f"{_NS}complexType":
                attributes, sequence, content, rules = self._parts(self.types[base])
            else:
                assert simple is not None
                content = base
            rules = [*rules, derived] if derived.tag == f"{_NS}restriction" else rules
        for node in definition.iter(f"{_NS}attribute"):
            attributes[node.get("name", "")] = (node.get("type", "xsd:string"), node.get("use") == "required")
        sequence = sequence + [e for s in definition.iter(f"{_NS}sequence") for e in s if e.tag == f"{_NS}element"]
        return attributes, sequence, content, rules

    def _sequence(self, element: ET.Element, sequence: list[ET.Element], path: str) -> list[str]:
        found: list[str] = []
        children = list(element)
        for wanted in sequence:
            name, most = wanted.get("name", ""), wanted.get("maxOccurs", "1")
            n = 0
            while children and children[0].tag == name:
                found += self._element(children.pop(0), wanted.get("type", ""), f"{path}/{name}")
                n += 1
            if n < int(wanted.get("minOccurs", "1")) or (most != "unbounded" and n > int(most)):
                found.append(f"{path}/{name}: {n} times")
        return found + [f"{path}/{c.tag}: not expected here" for c in children]

    def _value(self, text: str, kind: str, path: str) -> list[str]:
        if not kind.startswith("xsd:"):
            rule = self.types[kind].find(f"{_NS}restriction")
            assert rule is not None, kind
            return self._value(text, rule.get("base", ""), path) or self._facets(text, rule, path)
        kind = kind.removeprefix("xsd:")
        if kind in ("double", "float"):
            is_right = re.fullmatch(r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?INF|NaN)\s*", text) is not None
        elif kind in _INTEGERS:
            low, high = _INTEGERS[kind]
            is_right = re.fullmatch(r"\s*[+-]?\d+\s*", text) is not None
            is_right = is_right and (low is None or int(text) >= low) and (high is None or int(text) <= high)
        elif kind == "boolean":
            is_right = text.strip() in ("true", "false", "0", "1")
        elif kind == "dateTime":
            is_right = _DATE.fullmatch(text.strip()) is not None
        else:
            assert kind == "string", kind
            is_right = True
        return [] if is_right else [f"{path}: {text[:40]!r} is not {kind}"]

    def _facets(self, text: str, rule: ET.Element, path: str) -> list[str]:
        options = [e.get("value") for e in rule.findall(f"{_NS}enumeration")]
        if options and text not in options:
            return [f"{path}: {text!r} is not one of {options}"]
        for pattern in rule.findall(f"{_NS}pattern"):
            if re.fullmatch(pattern.get("value", ""), text) is None:
                return [f"{path}: {text!r} does not match {pattern.get('value')}"]
        for name, sign in (("minInclusive", 1), ("maxInclusive", -1)):
            limit = rule.find(f"{_NS}{name}")
            if limit is not None and sign * float(text) < sign * float(limit.get("value", "")):
                return [f"{path}: {text} is beyond {limit.get('value')}"]
        return []
