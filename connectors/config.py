"""One YAML file per source instance: which account of which system, with which credentials, which streams.

    system: jira
    account: acme
    base_url: env:JIRA_URL
    auth: {kind: basic, user: env:JIRA_EMAIL, password: env:JIRA_API_TOKEN}
    options: {story_points_field: customfield_10028}
    streams:
      - issues
      - name: changelog
        overlap: PT2H

Credentials are references (`env:NAME`, `file:PATH`), never texts. `base_url` may be a reference as well.

Source: connector rules, point 8.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.contract import Column, ColumnType, Personal
from connectors.errors import ConfigurationError
from connectors.raw_store import SAFE_NAME
from connectors.secret import is_reference, resolve
from connectors.source_yaml import read_yaml
from connectors.stream import Stream

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")
AuthKind = Literal["bearer", "basic", "header", "client_credentials", "refresh_token", "jwt", "none"]
Reference = Annotated[str, Field(json_schema_extra={"pattern": "^((env|file):.+)?$"})]
"""Where a credential is, never the credential; editors mark one that is written out, `AuthConfig` refuses it."""
Name = Annotated[str, Field(json_schema_extra={"pattern": "^" + SAFE_NAME.pattern.replace(r"\Z", "$")})]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AuthConfig(_Model):
    """How the source proves who it is; every secret is a reference."""

    kind: AuthKind = Field(description="which of the system's ways to log in")
    token: Reference = Field("", description="bearer and header: the token")
    header: str = Field("Authorization", description="header: the header's name")
    user: Reference = Field("", description="basic: the user")
    password: Reference = Field("", description="basic: the password or API token")
    client_id: Reference = Field("", description="OAuth: the application's id")
    client_secret: Reference = Field("", description="OAuth: the application's secret")
    refresh_token: Reference = Field(
        "", description="refresh_token: a file, so that a rotated token can be kept"
    )
    private_key: Reference = Field("", description="jwt: an RSA key in PEM")
    token_url: str = Field("", description="the token endpoint, absolute or below base_url")
    scope: str = Field("", description="OAuth: what is asked for, where the application does not say it")
    audience: str = Field("", description="jwt: the `aud` claim")
    subject: str = Field("", description="jwt: the user to act for")

    @field_validator(
        "token", "user", "password", "client_id", "client_secret", "refresh_token", "private_key"
    )
    @classmethod
    def _only_references(cls, value: str) -> str:
        if value and not is_reference(value):
            raise ValueError("a credential is written out here: write env:NAME or file:PATH")
        return value

    @model_validator(mode="after")
    def _complete(self) -> AuthConfig:
        needed = {"bearer": ("token",), "header": ("token",), "basic": ("user", "password")}
        for name in needed.get(self.kind, ()):
            if not getattr(self, name):
                raise ValueError(f"auth of kind {self.kind} needs {name}: env:NAME or file:PATH")
        return self


class ColumnConfig(_Model):
    """A column that this account has and the vendor's contract does not, or that differs."""

    name: str = Field(description="name in the typed table, in snake_case")
    type: ColumnType = Field(description="what a value is once read")
    path: str = Field(
        "", description="where the value is: `fields.status.name`, `sprints[-1].id`; default: the name"
    )
    nullable: bool = Field(True, description="whether a row may have no value here; else it is quarantined")
    optional: bool = Field(False, description="whether every record of a load may lack the field")
    unit: str = Field("", description="unit of the value, for people")
    allowed: tuple[str, ...] = Field((), description="the only values there are")
    personal: Personal = Field(Personal.KEEP, description="what happens to the value before it lands")
    format: str = Field(
        "iso", description="how it is written: iso, epoch_seconds, epoch_millis, or a pattern like `%d/%m/%Y`"
    )
    zone: str = Field("", description="IANA zone of instants without an offset")
    nulls: tuple[str, ...] = Field((), description="texts that stand for no value")
    scale: int = Field(4, description="decimal places that a decimal keeps")

    def column(self) -> Column:
        """The column as contracts hold it."""
        return Column(**self.model_dump())


class StreamConfig(_Model):
    """A stream that is loaded, and how it differs from its declaration."""

    name: str = Field(description="the stream, by its name in the vendor's declaration")
    overlap: timedelta | None = Field(
        None, description="how far before the watermark to read again: PT1H, P7D"
    )
    columns: tuple[ColumnConfig, ...] = Field(
        (), description="columns that only this account has, or that differ"
    )
    without: tuple[str, ...] = Field((), description="columns that this account does not have")
    options: dict[str, str] = Field(default_factory=dict, description="options for this stream alone")

    @field_validator("overlap")
    @classmethod
    def _forward(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(0):
            raise ValueError("an overlap reaches back: give a positive duration such as PT1H")
        return value


class RateConfig(_Model):
    """The rate budget of the account."""

    requests: int = Field(gt=0, description="how many requests")
    seconds: float = Field(gt=0, description="within how many seconds")


class LimitsConfig(_Model):
    """How patient the source is; what is not given comes from the settings."""

    attempts: int | None = Field(None, gt=0, description="tries of one request")
    backoff_seconds: float | None = Field(None, ge=0, description="pause after the first failure; it doubles")
    budget_seconds: float | None = Field(None, ge=0, description="all waits of a load together")
    read_seconds: float | None = Field(
        None, gt=0, description="longest pause between two pieces of an answer"
    )
    request_seconds: float | None = Field(None, gt=0, description="longest duration of a whole answer")
    body_bytes: int | None = Field(None, gt=0, description="largest answer that is read")


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _as_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: ",".join(map(str, v)) if isinstance(v, list) else str(v) for name, v in value.items()}
    return value


Plain = str | int | float | bool
StreamEntry = Annotated[StreamConfig, BeforeValidator(_by_name, json_schema_input_type=str | StreamConfig)]
Options = Annotated[
    dict[str, str], BeforeValidator(_as_texts, json_schema_input_type=dict[str, Plain | list[Plain]])
]


class SourceConfig(_Model):
    """One account of one system."""

    system: Name = Field(
        description="which system: a vendor, files, sql, http, process, module, or a name of yours"
    )
    account: Name = Field(
        description="which account of it; what was read of another one is not mixed with it"
    )
    name: str = Field("", description="how people call this source; default: the system's name")
    base_url: str = Field("", description="where its API is, or a reference to that")
    auth: AuthConfig | None = Field(None, description="how it logs in; every secret is a reference")
    api_version: str = Field(
        "", description="version of the API that is asked for; default: the vendor's here"
    )
    streams: tuple[StreamEntry, ...] = Field(
        (), description="what is read; default: all but those on request"
    )
    options: Options = Field(default_factory=dict, description="what differs from account to account")
    rate: RateConfig | None = Field(
        None, description="requests that the account may make; default: the vendor's"
    )
    limits: LimitsConfig = Field(LimitsConfig(), description="how patient it is; default: the settings")
    hash_key: Reference = Field("", description="reference to the key that personal data is hashed with")
    qualify_ids: bool | None = Field(
        None,
        description="ids in the neutral tables begin with the source's name (`jira_second:10001`); default: where the "
        "system has several accounts, for all but the one that is called as the system is",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="what a files, SQL, HTTP or process source needs besides"
    )

    @field_validator("system", "account", "name")
    @classmethod
    def _is_a_name(cls, value: str, field: ValidationInfo) -> str:
        if not SAFE_NAME.match(value) and (value or field.field_name != "name"):
            raise ValueError("use letters, digits, dot, dash and underscore")
        return value

    @field_validator("hash_key")
    @classmethod
    def _hash_key_is_a_reference(cls, value: str) -> str:
        if value and not is_reference(value):
            raise ValueError("the key is written out here: write env:NAME or file:PATH")
        return value

    @property
    def label(self) -> str:
        """How people call this source."""
        return self.name or self.system

    def stream(self, name: str) -> StreamConfig:
        """How a stream is configured; as declared where it is not listed."""
        return next((stream for stream in self.streams if stream.name == name), StreamConfig(name=name))

    def resolved_url(self) -> str:
        """The base URL, read from its reference if it is one.

        Raises:
            ConfigurationError: there is none.
        """
        if not self.base_url:
            raise ConfigurationError(
                "there is no base_url", place=f"source {self.label}", hint="give base_url:"
            )
        return resolve(self.base_url).reveal() if is_reference(self.base_url) else self.base_url


def config_hash(source: SourceConfig, stream: Stream, api_version: str) -> str:
    """Hash of everything that decides which rows a query returns and what of them lands."""
    content = {
        "api_version": api_version,
        "contract": stream.contract.fingerprint,
        "options": {name: value for name, value in stream.options.items() if name not in stream.tuning},
        "settings": source.settings,
        "cursor": stream.cursor.field if stream.cursor else "",
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:16]


def load_source(path: str | Path) -> SourceConfig:
    """Read the configuration of one source.

    Raises:
        ConfigurationError: the file cannot be read, or something in it is wrong; names the file and the field.
    """
    return source_from(read_yaml(Path(path)), str(path))


def source_from(content: object, place: str) -> SourceConfig:
    """A source from parsed YAML.

    Raises:
        ConfigurationError: something in it is wrong; names the place and the fields.
    """
    if not isinstance(content, Mapping):
        raise ConfigurationError("holds no mapping", place=place, hint="begin with system: and account:")
    try:
        return SourceConfig.model_validate(dict(content))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'source'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(problems, place=place, hint="see connectors/README.md") from None


def load_sources(folder: str | Path) -> list[SourceConfig]:
    """All sources of a folder, in the order of their file names, each under a name of its own.

    Where several accounts of a system have no `name:`, they are called by system and account: `jira_acme`.

    Raises:
        ConfigurationError: a file is wrong, or two files describe the same account or have the same name.
    """
    paths = sorted((*Path(folder).glob("*.yml"), *Path(folder).glob("*.yaml")))
    sources = [load_source(path) for path in paths]
    labels = Counter(source.label for source in sources)
    named = [
        source
        if source.name or labels[source.label] == 1
        else source.model_copy(update={"name": NOT_IN_NAMES.sub("_", f"{source.system}_{source.account}")})
        for source in sources
    ]
    _once(paths, [f"{source.system}/{source.account}" for source in named], "keep one")
    _once(paths, [f"the name {source.label}" for source in named], "give one of them another name:")
    return named


def _once(paths: Sequence[Path], names: Sequence[str], hint: str) -> None:
    first: dict[str, Path] = {}
    for path, name in zip(paths, names, strict=True):
        if first.setdefault(name, path) != path:
            raise ConfigurationError(f"{name} is described by {first[name]} too", place=str(path), hint=hint)
