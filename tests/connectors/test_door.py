import pytest

from connectors import (
    ConfigError,
    Extract,
    Source,
    SourceError,
    kinds,
    open_source,
    options_model,
    read_model,
)


def test_every_kind_has_settings_with_a_schema() -> None:
    assert {"files", "redcap", "rest", "sql"} <= set(kinds())
    for kind in kinds():
        assert options_model(kind).model_json_schema()["additionalProperties"] is False
        assert read_model(kind).model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (
            "redkap",
            {},
            "source.main.kind: no kind of source is called 'redkap'; did you",
        ),
        (
            "files",
            {"foldr": "x", "folder": "y"},
            "source.main.foldr: is not known here; d",
        ),
        ("files", {}, "source.main: give either folder or address"),
        ("redcap", {"url": "http://hospital.example/api/", "token": "t"}, "https://"),
        ("redcap", {"url": "https://u:p@h/api/", "token": "t"}, "user or password"),
        ("rest", {"url": "https://h", "user": "u"}, "belong together"),
        (
            "rest",
            {"url": "https://h", "api_key": "k", "user": "u", "password": "p"},
            "one of",
        ),
        ("sql", {}, "give either url"),
        ("sql", {"url": "oracle://u:p@h/d"}, "must begin with one of"),
        ("sql", {"driver": "mariadb", "host": "h"}, "belong together"),
        (
            "redcap",
            {"url": "https://h/", "token": "t", "time_zone": "Bogota"},
            "time zone",
        ),
    ],
)
def test_a_mistake_in_the_options_is_named_before_anything_runs(
    kind: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(Source("alpha", "main", kind, options))
    assert words in str(caught.value)


def test_a_mistake_never_repeats_the_value() -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(
            Source("alpha", "main", "redcap", {"url": "h", "token": ["s3cret"]})
        )
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value)


def test_reading_options_are_checked_when_the_reading_is_asked_for() -> None:
    read = open_source(Source("alpha", "main", "files", {"folder": "/nowhere"}))
    with pytest.raises(ConfigError, match="batch.read.delimeter: .*'delimiter'"):
        read(Extract("batch", "*.csv", {"delimeter": ";"}), None)
    with pytest.raises(ConfigError, match=r"read\.encoding: is no encoding"):
        read(Extract("batch", "*.csv", {"encoding": "utf-99"}), None)


def test_errors_are_one_line_with_their_place() -> None:
    error = ConfigError("is\nmissing", file="a.toml", line=3, key="site.name")
    assert str(error) == "a.toml:3: site.name: is missing"
    assert str(SourceError("went  away", site="alpha", source="main")) == (
        "site alpha, source main: went away"
    )
    assert str(SourceError("went away")) == "went away"


def test_a_source_shown_in_a_log_shows_no_secret() -> None:
    assert "s3cret" not in repr(Source("a", "m", "redcap", {"token": "s3cret"}))
