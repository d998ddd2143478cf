"""Every query of every real rule is accepted: no false rejects, counted."""

from __future__ import annotations

from collections import Counter

import pytest

from deployer.queries import LANGUAGES, check
from tests.support.queries import CORPORA, corpus_queries, errors
from tests.support.shared import needs_shared

pytestmark = [pytest.mark.quick, needs_shared]

COUNTS = {
    "2026-05": {"eql": 1035, "esql": 159, "kuery": 653, "lucene": 5},
    "2026-08": {"eql": 1081, "esql": 212, "kuery": 801, "lucene": 1},
}
WARNINGS = {
    "2026-05": {"lucene-operator-as-text": 1},
    "2026-08": {"lucene-operator-as-text": 1},
}
"""One rule writes `start or process_started` in Lucene, where `or` is a word: right to be warned of."""


@pytest.mark.parametrize("full", [True, False], ids=["full", "light"])
@pytest.mark.parametrize("date", CORPORA)
def test_no_query_of_a_real_rule_is_rejected(date: str, full: bool) -> None:
    """0 errors over all queries of a corpus, per language; the number of queries is what the corpus has."""
    accepted: Counter[str] = Counter()
    rejected = []
    for query in corpus_queries(date):
        found = errors(check(query.language, query.text, full=full))
        accepted[query.language] += not found
        rejected += [(query.path, finding) for finding in found]
    print(f"{date}: accepted {dict(sorted(accepted.items()))}, rejected {len(rejected)}")
    assert rejected == []
    assert dict(accepted) == COUNTS[date]


@pytest.mark.parametrize("date", CORPORA)
def test_warnings_about_real_rules_are_known(date: str) -> None:
    """What real rules are warned of is a short list, because a warning that is often wrong is read by nobody."""
    warned: Counter[str] = Counter()
    for query in corpus_queries(date):
        warned.update(finding.code for finding in check(query.language, query.text).findings)
    assert dict(warned) == WARNINGS[date]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_query_of_a_real_rule_names_fields(language: str) -> None:
    """Every query of the corpora yields at least one field."""
    without = [
        query.path
        for date in CORPORA
        for query in corpus_queries(date)
        if query.language == language and not check(language, query.text).fields
    ]
    assert without == []


def test_longest_queries_are_checked() -> None:
    """The corpora hold queries of 46 kB; they are read like any other."""
    longest = max((query for date in CORPORA for query in corpus_queries(date)), key=lambda query: len(query.text))
    assert len(longest.text) > 46_000
    assert check(longest.language, longest.text).findings == ()
