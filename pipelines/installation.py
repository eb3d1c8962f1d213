"""One installation, loaded: its workspace, its dictionary, its sources and its staging models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from definitions import load_catalogue
from definitions.model import Catalogue
from definitions.versions import definition_hashes
from pipelines.staging import Model, load_models
from pipelines.staging.accounts import for_accounts
from pipelines.staging.build import neutral_tables
from pipelines.staging.files import file_models
from pipelines.steps.sources import SourceInstance, load_sources
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.alerts.sources.base import Places
    from pipelines.last_good import BrokenFile


@dataclass(frozen=True)
class Installation:
    """What every step is handed.

    Attributes:
        workspace: folders, databases, clock.
        catalogue: the metric dictionary.
        sources: the configured source instances.
        models: the staging models that these sources can feed, in order of building.
        broken: files that do not load as they are (see `last_good`); empty but in Dagster.
    """

    workspace: Workspace
    catalogue: Catalogue
    sources: tuple[SourceInstance, ...]
    models: tuple[Model, ...]
    broken: tuple[BrokenFile, ...] = ()

    @classmethod
    def load(cls, workspace: Workspace) -> Installation:
        """Read everything the workspace points to.

        Raises:
            CatalogueError: the dictionary is broken; holds every problem with file, line and column.
            ConnectorError: a source instance is.
            StagingError: a staging model is.
        """
        return cls.of(workspace, load_catalogue(workspace.catalogue), load_sources(workspace))

    @classmethod
    def of(
        cls, workspace: Workspace, catalogue: Catalogue, sources: tuple[SourceInstance, ...]
    ) -> Installation:
        """An installation over a dictionary and sources that are loaded already.

        Raises:
            StagingError: a staging model is broken.
        """
        sources = tuple(source.with_settings(catalogue.settings.connectors) for source in sources)
        tables = neutral_tables(catalogue)
        shipped = load_models({source.system for source in sources}, workspace.staging)
        # A model of a table that the dictionary does not know would build what nobody reads.
        models = for_accounts([model for model in shipped if model.table in tables], sources, tables)
        return cls(workspace, catalogue, sources, (*file_models(sources, catalogue), *models))

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """Definition hash of every metric."""
        return definition_hashes(self.catalogue)

    @cached_property
    def places(self) -> Places:
        """What every metric rests on, traced once for all alerts of a run."""
        from pipelines.alerts.sources import places  # imports what loading an installation does not need

        return places(self.catalogue)
