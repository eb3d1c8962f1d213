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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AuthConfig(_Model):
    """How the source proves who it is; every secret is a reference."""

    kind: AuthKind
    token: str = Field("", description="bearer and header: the token")
    header: str = Field("Authorization", description="header: the header's name")
    user: str = Field("", description="basic: the user")
    password: str = Field("", description="basic: the password or API token")
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = Field("", description="refresh_token: a file, so that a rotated token can be kept")
    private_key: str = Field("", description="jwt: an RSA key in PEM")
    token_url: str = Field("", description="the token endpoint, absolute or below base_url")
    scope: str = ""
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

    name: str
    type: ColumnType
    path: str = ""
    nullable: bool = True
    optional: bool = False
    unit: str = ""
    allowed: tuple[str, ...] = ()
    personal: Personal = Personal.KEEP
    format: str = "iso"
    zone: str = ""
    nulls: tuple[str, ...] = Field((), description="texts that stand for no value")
    scale: int = 4

    def column(self) -> Column:
        """The column as contracts hold it."""
        return Column(**self.model_dump())


class StreamConfig(_Model):
    """A stream that is loaded, and how it differs from its declaration."""

    name: str
    overlap: timedelta | None = Field(None, description="how far before the watermark to read again")
    columns: tuple[ColumnConfig, ...] = ()
    without: tuple[str, ...] = Field((), description="columns that this account does not have")
    options: dict[str, str] = Field(default_factory=dict)

    @field_validator("overlap")
    @classmethod
    def _forward(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(0):
            raise ValueError("an overlap reaches back: give a positive duration such as PT1H")
        return value


class RateConfig(_Model):
    """The rate budget of the account."""

    requests: int = Field(gt=0)
    seconds: float = Field(gt=0)


class LimitsConfig(_Model):
    """How patient the source is; what is not given comes from the settings."""

    attempts: int | None = Field(None, gt=0)
    backoff_seconds: float | None = Field(None, ge=0)
    budget_seconds: float | None = Field(None, ge=0)
    read_seconds: float | None = Field(None, gt=0)
    request_seconds: float | None = Field(None, gt=0)
    body_bytes: int | None = Field(None, gt=0)


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class SourceConfig(_Model):
    """One account of one system."""

    system: str
    account: str
    name: str = Field("", description="how people call this source; default: the system's name")
    base_url: str = ""
    auth: AuthConfig | None = None
    api_version: str = ""
    streams: tuple[Annotated[StreamConfig, Field()], ...] = Field(
        (), description="default: all but those on request"
    )
    options: dict[str, str] = Field(default_factory=dict)
    rate: RateConfig | None = None
    limits: LimitsConfig = LimitsConfig()
    hash_key: str = Field("", description="reference to the key that personal data is hashed with")
    qualify_ids: bool | None = Field(
        None,
        description="ids in the neutral tables begin with the source's name (`jira_second:10001`); default: where the "
        "system has several accounts, for all but the one that is called as the system is",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="what a files, SQL, HTTP or process source needs besides"
    )

    @field_validator("streams", mode="before")
    @classmethod
    def _names_are_streams(cls, value: Any) -> Any:
        return [_by_name(item) for item in value] if isinstance(value, list | tuple) else value

    @field_validator("options", mode="before")
    @classmethod
    def _options_are_texts(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: ",".join(map(str, v)) if isinstance(v, list) else str(v) for name, v in value.items()
            }
        return value

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
