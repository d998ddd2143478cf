"""What every backend does alike: the contract of `core.ports.Store`."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from deployer.core.ports import Store
from deployer.errors import StateError


def test_a_store_that_was_never_written_is_empty(store: Store) -> None:
    """Reading what does not exist yet is no error: the first plan of a project does it."""
    assert store.read("targets/prod/lock.json") is None
    assert store.read_many(["a", "b"]) == {}
    assert store.names("") == ()


def test_what_was_created_is_read_back_byte_by_byte(store: Store) -> None:
    """Any bytes survive: empty, binary, without a last newline, some megabytes."""
    objects = {"a/empty": b"", "a/binary": bytes(range(256)), "a/text": b"no newline", "big.ndjson": b"x\n" * 1_500_000}
    store.create(objects)
    assert store.read_many([*objects, "missing"]) == objects
    assert store.names("") == tuple(sorted(objects))


def test_names_go_by_the_beginning_of_the_text(store: Store) -> None:
    """A prefix need not end at a slash, and `a/b` does not find what lies beside it."""
    store.create(dict.fromkeys(["a/b/1", "a/b/2", "a/bc", "a/c", "ab"], b"{}"))
    assert store.names("a/b") == ("a/b/1", "a/b/2", "a/bc")
    assert store.names("a/b/") == ("a/b/1", "a/b/2")
    assert store.names("a") == ("a/b/1", "a/b/2", "a/bc", "a/c", "ab")
    assert store.names("b") == ()


def test_creating_the_same_again_is_fine(store: Store) -> None:
    """A call whose answer was lost may be repeated, also together with further objects."""
    store.create({"journal/1": b"one"})
    store.create({"journal/1": b"one", "journal/2": b"two"})
    assert store.read_many(["journal/1", "journal/2"]) == {"journal/1": b"one", "journal/2": b"two"}


def test_creating_something_else_under_a_name_is_refused(store: Store) -> None:
    """An object that exists is never overwritten by `create`; the message names it."""
    store.create({"journal/1": b"one"})
    with pytest.raises(StateError, match="journal/1 exists"):
        store.create({"journal/1": b"other"})
    assert store.read_many(["journal/1"]) == {"journal/1": b"one"}


def test_creating_nothing_does_nothing(store: Store) -> None:
    """An empty batch is no write and no error."""
    store.create({})
    store.remove([])
    assert store.names("") == ()


def test_a_swap_needs_the_version_that_is_there(store: Store) -> None:
    """Of two writers who read the same version the second gets None, and its data is nowhere."""
    first = store.replace("lock.json", b"1", None)
    assert first is not None
    assert store.replace("lock.json", b"2", None) is None
    second = store.replace("lock.json", b"2", first)
    assert second not in (None, first)
    assert store.replace("lock.json", b"3", first) is None
    stored = store.read("lock.json")
    assert stored is not None
    assert (stored.data, stored.version) == (b"2", second)


def test_a_swap_of_an_absent_object_needs_no_version(store: Store) -> None:
    """A version of an object that was removed meanwhile does not bring it back."""
    version = store.replace("lock.json", b"1", None)
    store.remove(["lock.json"])
    assert store.replace("lock.json", b"2", version) is None
    assert store.read("lock.json") is None
    assert store.replace("lock.json", b"3", None) is not None


def test_a_version_says_nothing_of_other_objects(store: Store) -> None:
    """Writes of other objects between reading and swapping do not make a swap lose."""
    version = store.replace("a/lock.json", b"1", None)
    store.create({"a/record": b"{}"})
    assert store.replace("b/lock.json", b"1", None) is not None
    assert store.replace("a/lock.json", b"2", version) is not None


def test_what_was_created_can_be_swapped(store: Store) -> None:
    """`create` and `replace` speak of the same objects."""
    store.create({"hold.json": b"1"})
    stored = store.read("hold.json")
    assert stored is not None
    assert store.replace("hold.json", b"2", stored.version) is not None
    assert store.read_many(["hold.json"]) == {"hold.json": b"2"}


def test_another_handle_sees_it_at_once(backend) -> None:
    """Two deployers share nothing but the store, and each sees what the other wrote."""
    one, other = backend.open(), backend.open()
    assert other.names("") == ()
    version = one.replace("lock.json", b"1", None)
    one.create({"events/1": b"{}"})
    stored = other.read("lock.json")
    assert stored is not None
    assert stored.version == version
    assert other.names("") == ("events/1", "lock.json")
    assert other.replace("lock.json", b"2", stored.version) is not None
    assert one.replace("lock.json", b"3", version) is None
    assert one.read_many(["lock.json"]) == {"lock.json": b"2"}


def test_removing_is_repeatable(store: Store) -> None:
    """What is removed is gone, neighbours stay, and what is missing already does not matter."""
    store.create({"journal/1": b"1", "journal/2": b"2", "kept": b"3"})
    store.remove(["journal/1", "journal/2", "never/was"])
    store.remove(["journal/1"])
    assert store.names("") == ("kept",)
    store.create({"journal": b"a name that was a folder"})
    assert store.names("") == ("journal", "kept")


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/.git", "A", "a b", "ä", "a\\b", "a\n"]
)
def test_a_name_that_could_leave_the_store_is_refused(store: Store, name: str) -> None:
    """Every operation refuses it, in a sentence, before anything is written."""
    for attempt in (
        lambda: store.read(name),
        lambda: store.read_many([name]),
        lambda: store.create({name: b""}),
        lambda: store.replace(name, b"", None),
        lambda: store.remove([name]),
    ):
        with pytest.raises(StateError, match="cannot name an object"):
            attempt()
    assert store.names("") == ()


def test_the_location_can_be_printed(store: Store) -> None:
    """Messages and `doctor` show where the store is, and how large a batch may be."""
    assert store.location.split(":")[0] in ("file", "git", "s3")
    assert store.batch >= 25


@pytest.mark.parametrize("kind", ["file", "git"])
def test_an_object_that_was_changed_back_is_not_unchanged(make_backend, kind: str) -> None:
    """From A to B to A: whoever read the first A loses. (S3 cannot tell; see the module text of `cloud`.)"""
    store = make_backend(kind).open()
    first = store.replace("lock.json", b"A", None)
    second = store.replace("lock.json", b"B", first)
    assert store.replace("lock.json", b"A", second) is not None
    assert store.replace("lock.json", b"C", first) is None


@pytest.mark.parametrize("kind", ["file", "git"])
def test_a_name_is_an_object_or_a_folder_but_not_both(make_backend, kind: str) -> None:
    """Where a backend cannot have both it says so, and keeps what is there."""
    store = make_backend(kind).open()
    store.create({"a/b": b"1"})
    for name in ("a", "a/b/c"):
        with pytest.raises(StateError, match="cannot be written"):
            store.create({"other": b"2", name: b"2"})
    assert store.names("") == ("a/b",)


class Model(RuleBasedStateMachine):
    """Random operations through two handles, against a dictionary."""

    names = st.sampled_from(["a", "b/c", "b/d", "e/f/g"])
    contents = st.sampled_from([b"", b"1", b"2"])

    def __init__(self, backend) -> None:
        super().__init__()
        self.handles = [backend.open(), backend.open()]
        self.expected: dict[str, bytes] = {}
        self.versions: dict[str, list[str]] = {}
        self.count = 0

    @rule(handle=st.integers(0, 1), name=names, content=contents)
    def create(self, handle: int, name: str, content: bytes) -> None:
        """Create, which works for an absent or an equal object."""
        if self.expected.get(name, content) == content:
            self.handles[handle].create({name: content})
            self.expected[name] = content
        else:
            with pytest.raises(StateError):
                self.handles[handle].create({name: content})

    @rule(handle=st.integers(0, 1), name=names)
    def swap(self, handle: int, name: str) -> None:
        """Swap with the version that is there; every older one then loses."""
        stored = self.handles[1 - handle].read(name)
        self.count += 1
        content = b"swap %d" % self.count
        version = self.handles[handle].replace(name, content, stored.version if stored else None)
        assert version is not None
        for old in self.versions.get(name, []):
            assert self.handles[handle].replace(name, b"lost", old) is None
        self.versions.setdefault(name, []).extend([stored.version] if stored else [])
        self.expected[name] = content

    @rule(handle=st.integers(0, 1), name=names)
    def remove(self, handle: int, name: str) -> None:
        """Remove, whether it exists or not."""
        self.handles[handle].remove([name])
        self.expected.pop(name, None)

    @invariant()
    def both_handles_agree(self) -> None:
        """Each handle lists and reads exactly what was written."""
        for handle in self.handles:
            assert handle.names("") == tuple(sorted(self.expected))
            assert handle.read_many(["a", "b/c", "b/d", "e/f/g"]) == self.expected


@pytest.mark.parametrize(("kind", "examples"), [("file", 40), ("git", 2), ("s3", 4)])
def test_any_sequence_of_operations_behaves_like_a_dictionary(make_backend, kind: str, examples: int) -> None:
    """Create, swap and remove through two handles, in any order, leave what a dictionary would hold."""
    backend = make_backend(kind)

    def machine() -> Model:
        emptied = backend.open()
        emptied.remove(emptied.names(""))
        return Model(backend)

    limits = settings(max_examples=examples, stateful_step_count=12, deadline=None, database=None)
    run_state_machine_as_test(machine, settings=limits)
