"""The countries of the world by name. Standard: ISO 3166-1 codes, named as in Unicode CLDR (Babel)."""

from __future__ import annotations

from functools import cache

from dpa_core.locale.formats import ENGLISH

# CLDR's own or reserved codes of two letters: islands that ISO counts with a country, the EU and the UN.
_NO_COUNTRIES = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK ZZ".split())  # noqa: SIM905  # reads better


@cache
def countries() -> dict[str, str]:
    """The name of each country and territory by its ISO 3166-1 alpha-2 code, in the order of names."""
    found = {
        str(code): str(name)
        for code, name in ENGLISH.territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    }
    return dict(sorted(found.items(), key=lambda item: item[1].casefold()))
