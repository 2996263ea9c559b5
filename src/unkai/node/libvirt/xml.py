"""Small helpers for building XML with the standard library."""

import xml.etree.ElementTree as ElementTree
from xml.etree.ElementTree import Element

__all__ = ["Element", "add", "text"]


def add(parent: Element, tag: str, content: object = None, /, **attributes: object) -> Element:
    """A new child. Attributes that are None are left out; a trailing underscore of a name is not part of it."""
    kept = {name.rstrip("_"): str(value) for name, value in attributes.items() if value is not None}
    child = ElementTree.SubElement(parent, tag, kept)
    if content is not None:
        child.text = str(content)
    return child


def text(root: Element) -> str:
    """Indented, so that people (and golden files) can read it."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
