"""Settings as text: `key=value` overrides, and the file config.toml that a run can be repeated from."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from spikeloom.checks import InputError, require
from spikeloom.train.config import Config, DataSettings, NetworkSettings, TrainingSettings

SECTIONS: dict[str, type] = {"data": DataSettings, "network": NetworkSettings, "training": TrainingSettings}
SECTION_OF = {entry.name: section for section, kind in SECTIONS.items() for entry in fields(kind)}
_WORDS: dict[Any, dict[str, Any]] = {NoneType: {"none": None}, bool: {"true": True, "false": False}}
_KINDS = {section: get_type_hints(kind) for section, kind in SECTIONS.items()}


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names most like this one, as a remedy reads."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.58)
    return "did you mean " + " or ".join(close) + "?" if close else "known are " + ", ".join(known)


def override(config: Config, settings: Mapping[str, str]) -> Config:
    """The same settings with some changed.

    Args:
        config: what to start from.
        settings: texts by key, as in `{"batch_size": "16", "hidden": "512,128", "crop": "none"}`.

    Raises:
        InputError: an unknown key, naming the nearest known ones; a value of another kind or out of its range.
    """
    changes: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for key, text in settings.items():
        require(key in SECTION_OF, "setting", "a known key", key, nearest(key, SECTION_OF))
        section = SECTION_OF[key]
        changes[section][key] = parse(key, text, _KINDS[section][key])
    # beta and tau_ms exclude each other: naming one unsets the other.
    network = changes["network"]
    for one, other in (("beta", "tau_ms"), ("tau_ms", "beta")):
        if network.get(one) is not None and other not in network:
            network[other] = None
    return replace(config, **{name: replace(getattr(config, name), **change) for name, change in changes.items()})


def assignments(texts: Iterable[str]) -> dict[str, str]:
    """Texts of the form key=value, split.

    Raises:
        InputError: a text without a "=".
    """
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        require(bool(equals), "setting", "key=value", repr(text))
        pairs[key.strip().replace("-", "_")] = value.strip()
    return pairs


def parse(key: str, text: str, kind: Any) -> Any:
    """The value that a text stands for, of the kind a field is declared with.

    Raises:
        InputError: the text stands for no such value.
    """
    for option in _options(kind):
        try:
            return _parse_one(text, option)
        except (KeyError, ValueError):
            continue
    raise InputError(f"{key}: expected {_in_words(kind)}, got {text!r}")


def to_toml(config: Config) -> str:
    """All settings as TOML; what is none stands as the text "none"."""
    tables: dict[str, Any] = {"recipe": config.recipe}
    for section, kind in SECTIONS.items():
        values = {entry.name: getattr(getattr(config, section), entry.name) for entry in fields(kind)}
        tables[section] = {name: _to_toml_value(value) for name, value in values.items()}
    return tomli_w.dumps(tables)


def from_toml(path: Path) -> Config:
    """The settings in a file that `to_toml` wrote.

    Raises:
        InputError: no such file, no TOML, a setting missing, unknown or of another kind.
    """
    tables = _read(path)
    name = str(path)
    for key in tables:
        require(key == "recipe" or key in SECTIONS, f"{name}: {key}", f"one of recipe, {', '.join(SECTIONS)}", key)
    texts: dict[str, str] = {}
    for section in SECTIONS:
        table = tables.get(section)
        require(isinstance(table, dict), name, f"a table [{section}]", "none" if table is None else repr(table))
        for key, value in tables[section].items():
            require(SECTION_OF.get(key, section) == section, f"{name}: {key}", f"a setting of [{section}]", "another's")
            texts[key] = _to_text(value)
    missing = [key for key in SECTION_OF if key not in texts]
    require(not missing, name, "every setting", "none for " + ", ".join(missing), "add what is missing")
    return replace(override(Config(), texts), recipe=str(tables.get("recipe", "custom")))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: expected a file of settings, got {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected TOML, got {error}") from error


def _options(kind: Any) -> tuple[Any, ...]:
    """The kinds a union is made of, none first; any other kind alone."""
    if get_origin(kind) not in (Union, UnionType):
        return (kind,)
    return tuple(sorted(get_args(kind), key=lambda option: option is not NoneType))


def _parse_one(text: str, kind: Any) -> Any:
    if kind in _WORDS:
        return _WORDS[kind][text]
    if get_origin(kind) is Literal:
        return {choice: choice for choice in get_args(kind)}[text]
    if get_origin(kind) is tuple:
        inner = text.strip("[]() ").rstrip(",")
        return tuple(get_args(kind)[0](part.strip()) for part in inner.split(",")) if inner else ()
    value = kind(text)
    if value != value:
        raise ValueError("a NaN is no setting")
    return value


def _in_words(kind: Any) -> str:
    words = {NoneType: "none", bool: "true or false", int: "an integer", float: "a number", str: "a text"}
    parts = []
    for option in _options(kind):
        if get_origin(option) is Literal:
            parts.append(", ".join(get_args(option)))
        else:
            several = "texts" if get_origin(option) is tuple and get_args(option)[0] is str else "integers"
            parts.append(words.get(option, f"{several} with commas between"))
    return " or ".join(reversed(parts))


def _to_toml_value(value: Any) -> Any:
    if value is None:
        return "none"
    return list(value) if isinstance(value, tuple) else value


def _to_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
