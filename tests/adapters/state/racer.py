"""
A deployer of its own, for tests: `race` swaps one object until it has counted far enough, `write` writes until killed.

Started as a process of its own with the store's setting, the project folder and a JSON of its environment.
"""

import hashlib
import json
import sys
from pathlib import Path

from deployer.adapters.state.opening import open_store
from deployer.core.ports import Store

COUNTER = "lock.json"


def race(store: Store, who: str, last: int) -> list[int]:
    """Count the object up to `last` together with others; return the numbers that this racer wrote."""
    won = []
    while True:
        stored = store.read(COUNTER)
        number = json.loads(stored.data)["number"] if stored else 0
        if number >= last:
            return won
        record = json.dumps({"number": number + 1, "who": who}).encode()
        if store.replace(COUNTER, record, stored.version if stored else None) is not None:
            won.append(number + 1)


def write(store: Store, who: str) -> None:
    """Write objects whose name is the digest of their content, and swap one that carries its own, until killed."""
    version, number = None, 0
    while True:
        number += 1
        contents = [f"{who} {number} {part} ".encode() * 20_000 for part in range(3)]
        store.create({f"written/{hashlib.sha256(content).hexdigest()}": content for content in contents})
        body = f"{who} {number} ".encode() * 20_000
        stored = store.read(f"swapped/{who}")
        version = stored.version if stored else None
        store.replace(f"swapped/{who}", hashlib.sha256(body).hexdigest().encode() + body, version)
        print(number, flush=True)


def main() -> None:
    """Do what the arguments say: WHAT PLACE ROOT ENVIRON WHO LAST."""
    what, place, root, environ, who, last = sys.argv[1:]
    store = open_store(place, root=Path(root), environ=json.loads(environ), project="race")
    if what == "race":
        print("ready", flush=True)
        sys.stdin.readline()  # all begin together
        print(json.dumps(race(store, who, int(last))), flush=True)
    else:
        write(store, who)


if __name__ == "__main__":
    main()
