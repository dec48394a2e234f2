"""The embedded data set: procedural pictures that pose the real difficulty of weak supervision.

Each object has a small part whose pattern names the class and a large plain body in a material of its own. A classifier
fires on the part. The body's material is random, from a pool that all classes and the clutter share. So only the
signs of one object lead to the body: colour, texture, shading, borders.
"""

from __future__ import annotations

from wsss.data.demo.generate import CLASS_NAMES, generate_demo
from wsss.data.demo.scenes import OBJECT_CLASSES, Scene, SceneObject, draw_scene

__all__ = ["CLASS_NAMES", "OBJECT_CLASSES", "Scene", "SceneObject", "draw_scene", "generate_demo"]
