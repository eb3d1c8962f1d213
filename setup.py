"""What pyproject.toml has no words for: `examples/` is shipped inside of `pipelines`, where the commands find it."""

from setuptools import find_namespace_packages, setup

ROOMS = ("connectors", "definitions", "quality", "pipelines")
INSIDE = "pipelines.examples"

setup(
    packages=[
        *find_namespace_packages(include=[name for room in ROOMS for name in (room, f"{room}.*")]),
        INSIDE,
        *(f"{INSIDE}.{name}" for name in find_namespace_packages("examples")),
    ],
    package_dir={INSIDE: "examples"},
)
