"""Meaning: the metric dictionary. People edit YAML; this room loads it, checks it and compiles it to SQL.

from definitions import load_catalogue
catalogue = load_catalogue("definitions/catalogue")
"""

from definitions.errors import CatalogueError, CompileError, DefinitionsError, Problem, QueryError
from definitions.loading import load_catalogue, load_texts
from definitions.model import Catalogue, Metric, Source

__all__ = [
    "Catalogue",
    "CatalogueError",
    "CompileError",
    "DefinitionsError",
    "Metric",
    "Problem",
    "QueryError",
    "Source",
    "load_catalogue",
    "load_texts",
]
