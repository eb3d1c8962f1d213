"""Raw assets: one per stream of each configured source instance, pulled by one operation per instance."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from connectors.errors import ConnectorError
from pipelines.assets.specs import raw_key, raw_spec
from pipelines.steps.extract import Pulled, extract
from pipelines.steps.sources import SourceInstance
from pipelines.workspace import Workspace


def raw_assets(sources: tuple[SourceInstance, ...]) -> list[dg.AssetsDefinition]:
    """The raw assets of all instances. Each instance is one operation in a pool of its own, so that an account
    has one reader at a time whatever runs."""
    return [_raw_asset(source) for source in sources]


def _raw_asset(source: SourceInstance) -> dg.AssetsDefinition:
    specs = [
        raw_spec(source.name, source.system, stream.name, stream.description) for stream in source.streams
    ]

    @dg.multi_asset(
        name=f"pull_{source.name}",
        specs=specs,
        can_subset=True,
        pool=f"source_{source.name}",
        description=f"Pulls what is new in {source.system} ({source.name}) into the raw store.",
    )
    def pull(
        context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        streams = sorted(key.path[-1] for key in context.selected_asset_keys)
        try:
            for pulled in extract(workspace, source, streams, log=context.log.info):
                yield dg.MaterializeResult(
                    asset_key=raw_key(source.name, pulled.stream), metadata=_metadata(pulled)
                )
        except ConnectorError as error:
            # A refusal (401, a broken configuration) is the same at the next try; a busy vendor is not.
            raise dg.Failure(description=str(error), allow_retries=error.transient) from error

    return pull


def _metadata(pulled: Pulled) -> dict[str, Any]:
    return {"dagster/row_count": pulled.rows, **pulled.facts}
