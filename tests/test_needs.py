"""A test that lacks something is skipped with the remedy, and fails where nothing may be skipped."""

from pathlib import Path

import pytest

from tests import needs

MISSING = {
    "program": (lambda: needs.program("no-such-server"), "apt-get install no-such-server"),
    "package": (lambda: needs.npm_package("no-such", "9"), "npm install --no-save --prefix .npm no-such@9"),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_skipped_with_its_remedy(monkeypatch, what):
    monkeypatch.delenv("TESTS_SKIP_NOTHING", raising=False)
    look, remedy = MISSING[what]
    with pytest.raises(pytest.skip.Exception, match=remedy):
        look()


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_fails_where_nothing_may_be_skipped(monkeypatch, what):
    monkeypatch.setenv("TESTS_SKIP_NOTHING", "1")
    look, remedy = MISSING[what]
    with pytest.raises(pytest.fail.Exception, match=remedy):
        look()


def test_what_is_there_is_found(monkeypatch, tmp_path: Path):
    assert Path(needs.program("sh")).is_file()
    monkeypatch.setattr(needs, "NPM_FOLDER", tmp_path)
    (tmp_path / "node_modules" / "thing").mkdir(parents=True)
    assert needs.npm_package("thing", "1") == tmp_path / "node_modules" / "thing"
