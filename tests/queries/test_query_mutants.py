"""
Mutants of real queries: tokens dropped, doubled, swapped, brackets put in, with a fixed seed.

A mutant that is accepted is either still a query, or the checker misses something. `cases/mutants.toml` lists every
class of accepted mutants with its count and why such a mutant is still accepted; the counts must be exactly those.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest
import tomli

from deployer.queries import LANGUAGES, check
from tests.support.queries import CASES, CORPORA, corpus_queries, errors
from tests.support.shared import needs_shared

pytestmark = needs_shared

SEED = 7
MUTANTS = {"kuery": 3000, "eql": 3000, "lucene": 600, "esql": 1500}
EXPECTED = tomli.loads((CASES / "mutants.toml").read_text("utf-8"))

_TOKEN = re.compile(
    r'(?P<string>"""[\s\S]*?"""|"(?:[^"\\]|\\.)*")'
    r"|(?P<comment>//[^\n]*|/\*[\s\S]*?\*/)"
    r"|(?P<operator>\b(?i:and|or|not|in|like|where|by|from|eval|stats|keep|sort|limit|sequence|with|is|null|metadata)\b(?![.\w]))"
    r"|(?P<word>[A-Za-z_@*?\\][\w.@*\-\\]*)"
    r"|(?P<number>\d[\w.]*)"
    r"|(?P<gap>\s+)"
    r"|(?P<bracket>[()\[\]{}])"
    r"|(?P<sign>==|!=|<=|>=|.)"
)
Token = tuple[str, str]


def tokens_of(query: str, language: str) -> list[Token]:
    """Take a query apart, so that its pieces joined are the query again. KQL and Lucene have no comments."""
    tokens = [(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(query)]
    assert "".join(text for _, text in tokens) == query
    if language in ("kuery", "lucene"):
        return [("word" if kind == "comment" else kind, text) for kind, text in tokens]
    return tokens


def mutate(tokens: list[Token], chance: random.Random) -> tuple[str, list[Token]]:
    """Return the class of one mutation and its result."""
    tokens = list(tokens)
    solid = [place for place, (kind, _) in enumerate(tokens) if kind != "gap"]
    place = chance.choice(solid)
    kind = tokens[place][0]
    operation = chance.choice(["drop", "double", "swap", "bracket"])
    if operation == "drop":
        del tokens[place]
        return f"drop {kind}", tokens
    if operation == "double":
        tokens[place + 1 : place + 1] = [("gap", " "), tokens[place]]
        return f"double {kind}", tokens
    if operation == "bracket":
        tokens.insert(place, ("bracket", chance.choice("()[]{}")))
        return "bracket", tokens
    other = chance.choice(solid)
    kinds = " and ".join(sorted([kind, tokens[other][0]]))
    tokens[place], tokens[other] = tokens[other], tokens[place]
    return f"swap {kinds}", tokens


def mutants(language: str) -> Iterator[tuple[str, str]]:
    """Yield (class, query) of mutants of short and middling real queries; the same ones in every run."""
    chance = random.Random(SEED)
    queries = sorted(
        {
            query.text
            for date in CORPORA
            for query in corpus_queries(date)
            if query.language == language and len(query.text) < 2500
        }
    )
    for _ in range(MUTANTS[language]):
        original = chance.choice(queries)
        kind, tokens = mutate(tokens_of(original, language), chance)
        mutant = "".join(text for _, text in tokens)
        yield ("unchanged" if mutant == original else kind), mutant


def accepted_mutants(language: str) -> dict[str, tuple[int, int]]:
    """Return, for each class that has any, how many mutants are accepted, and how many of them with a warning."""
    accepted: Counter[str] = Counter()
    warned: Counter[str] = Counter()
    for kind, mutant in mutants(language):
        checked = check(language, mutant, full=False)
        if not errors(checked):
            accepted[kind] += 1
            warned[kind] += bool(checked.findings)
    return {kind: (count, warned[kind]) for kind, count in sorted(accepted.items())}


@pytest.mark.parametrize("language", LANGUAGES)
def test_accepted_mutants_are_those_that_are_explained(language: str) -> None:
    """The accepted mutants, by class, are exactly those of the data file; every class there is explained."""
    accepted = accepted_mutants(language)
    total, warned = (sum(counts[place] for counts in accepted.values()) for place in (0, 1))
    print(f"{language}: {total} of {MUTANTS[language]} mutants accepted, {warned} of them with a warning")
    classes = EXPECTED[language]
    assert accepted == {kind: (entry["count"], entry["warned"]) for kind, entry in classes.items()}
    assert all(len(entry["why"]) > 20 for entry in classes.values())
