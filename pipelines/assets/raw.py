"""Raw assets: one per stream of each configured source instance, pulled by one operation per instance."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from connectors.errors import ConnectorError
from definitions.model import Calendar
from pipelines.assets.specs import raw_key, raw_spec
from pipelines.steps.sources import SourceInstance
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.steps.extract import Pulled


def raw_assets(sources: tuple[SourceInstance, ...], calendar: Calendar) -> list[dg.AssetsDefinition]:
    """The raw assets of all instances. Each instance is one operation in the pool of its account, so that an account
    has one reader at a time whatever runs: vendors count calls by account, and state is kept by account."""
    return [_raw_asset(source, calendar) for source in sources]


def pool_of(source: SourceInstance) -> str:
    """The concurrency pool of an account."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"account_{source.system}_{source.config.account}")


def _raw_asset(source: SourceInstance, calendar: Calendar) -> dg.AssetsDefinition:
    specs = [raw_spec(source.name, source.system, stream, calendar) for stream in source.streams]

    @dg.multi_asset(
        name=f"pull_{source.name}",
        specs=specs,
        can_subset=True,
        pool=pool_of(source),
        description=f"Pulls what is new in {source.system} ({source.name}) into the raw store.",
    )
    def pull(
        context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from pipelines.steps.extract import extract

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


def _metadata(pulled: "Pulled") -> dict[str, Any]:
    told = {name: fact for name, fact in pulled.facts.items() if fact not in (None, "")}
    return {"dagster/row_count": pulled.rows, **told}
