from pathlib import Path

import pytest

from dashboard.journal import Journal
from dashboard.viewer import About, Request, Viewer, asking, current_viewer

FOUR = ["lead", "authority:North", "site:alpha", "public"]


@pytest.mark.parametrize("text", FOUR)
def test_each_fixed_viewer_is_written_as_it_is_read(text: str) -> None:
    assert str(Viewer.parse(text)) == text


@pytest.mark.parametrize("text", ["root", "authority", "site:", "lead:x", "public:all"])
def test_a_mistyped_viewer_is_refused_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="is no viewer"):
        Viewer.parse(text)


def test_without_a_word_the_viewer_is_the_lead() -> None:
    assert Viewer.parse(None) == Viewer("lead")


def test_the_viewer_is_known_inside_a_request_and_nowhere_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    request = Request(Viewer("public"), tmp_path, journal, About())
    with asking(request):
        assert current_viewer() == Viewer("public")
    with pytest.raises(LookupError):
        current_viewer()
