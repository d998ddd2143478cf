"""
Tasks on a data file without a server: `reset`, `seed`, `edit`.

They write through the same code as requests do, in short transactions, so a server may be running on the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deployer.sandbox.call import Call
from deployer.sandbox.database import Database
from deployer.sandbox.documents import EVERYWHERE
from deployer.sandbox.errors import ApiError, SandboxError
from deployer.sandbox.exception_import import import_exceptions
from deployer.sandbox.exception_lists import find_list
from deployer.sandbox.kibana import Kibana, open_kibana
from deployer.sandbox.kinds import SPACE
from deployer.sandbox.messages import Body, NotJsonError, Request, from_json
from deployer.sandbox.options import DEFAULT_STACK, Options
from deployer.sandbox.rules import crud, fields, prepackaged, shape, writing
from deployer.sandbox.rules.import_connectors import import_connectors
from deployer.sandbox.rules.import_file import read_file
from deployer.sandbox.schema import Issues, render
from deployer.sandbox.users import User
from deployer.sandbox.versions import Version


def reset(data: str) -> None:
    """
    Remove all rules, spaces and everything around rules; credentials stay. A missing file stays missing.

    Raises SandboxError where the file is not the sandbox's.
    """
    if Path(data).exists():
        database = Database(data)
        database.clear()
        database.release()


def seed(data: str, path: str, *, space: str = "default", stack: str | None = None) -> int:
    """
    Load exports, an `.ndjson` file or all of a folder, in the place of what has the same identity; returns how many
    objects. Rules, exception lists with their items, and connectors are taken; a rule that was prebuilt where it was
    exported is prebuilt here, its content being an asset. `stack` is the version of a file that is new.

    Raises SandboxError for a file that cannot be read and for the first object that Kibana would refuse; nothing is
    loaded then.
    """
    files = _files(Path(path))
    kibana = _open(data, stack)
    try:
        with kibana.database.transaction():
            call = _call(kibana, space, "elastic")
            return sum(_seed_file(call, file) for file in files)
    finally:
        kibana.database.release()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise SandboxError(f"{file} cannot be read: {exc.strerror}.") from exc


def _refuse(file: Path, errors: list[Body]) -> None:
    if errors:
        raise SandboxError(f"{file}: {errors[0]['error']['message']}")


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.ndjson")) if path.is_dir() else [path][: path.is_file()]
    if not files:
        raise SandboxError(f"{path} is neither an .ndjson file nor a folder that holds one.")
    return files


def _seed_file(call: Call, file: Path) -> int:
    found = read_file(_content(file), call.version)
    _refuse(file, found.errors)
    exceptions = import_exceptions(call, found.exceptions, overwrite=True)
    connectors = import_connectors(call, found.connectors, overwrite=True)
    _refuse(file, [*exceptions.failures, *connectors.errors])
    for rule_id, props in found.rules.items():
        _seed_rule(call, props, prebuilt=rule_id in found.installed)
    return len(found.rules) + exceptions.lists + exceptions.items + connectors.count


def _seed_rule(call: Call, props: Body, *, prebuilt: bool) -> None:
    rules = call.kibana.rules
    props = _with_ids_of_here(call, props)
    stored = rules.by_rule_id(call.space, props["rule_id"])
    if stored is not None:
        rules.delete(stored.pk)
    rule = shape.created(props, user=call.user.name, now=call.kibana.clock.iso(), enabled=props.get("enabled", False))
    if prebuilt:
        asset = prepackaged.add_asset(call, rule)
        prepackaged.install_asset(call, asset, enabled=rule["enabled"])
    else:
        rules.insert(call.space, rule)


def _with_ids_of_here(call: Call, props: Body) -> Body:
    """References to lists that are here, with the ids that they have here, as an import does it (facts.md 7.2)."""
    if "exceptions_list" not in props:
        return props
    found = []
    for reference in props["exceptions_list"]:
        list_ = find_list(call, None, reference["list_id"], reference["namespace_type"])
        found.append({**reference, "id": list_.id} if list_ is not None else reference)
    return {**props, "exceptions_list": found}


def edit(data: str, space: str, rule: str, assignments: Sequence[str], user: str) -> Body:
    """
    Change fields of a rule as an analyst would in Kibana; returns the rule. `rule` is a rule_id or a name.

    An assignment is `key=value`, the value being JSON or plain text; `key+=value` and `key-=value` add to a list and
    take away; `key=` takes a field away that may be absent. Raises SandboxError naming what does not fit.
    """
    kibana = _open(data)
    call = _call(kibana, space, user)
    try:
        with kibana.database.transaction():
            stored = kibana.rules.by_rule_id(space, rule) or _by_name(kibana, space, rule)
            if stored is None:
                raise SandboxError(f"Space {space} has no rule with the rule_id or name {rule!r}.")
            before = stored.rule()
            props = _assigned(before, assignments, kibana.version)
            after = shape.replaced(before, props, user=user, now=kibana.clock.iso())
            after = writing.save(call, stored.pk, before, after, skip_equal=False)
        enabled = props["enabled"]
        return writing.flip(call, after, enabled=enabled) if enabled != before["enabled"] else after
    except ApiError as exc:
        raise SandboxError(f"Kibana would refuse this edit: {exc}") from exc
    finally:
        kibana.database.release()


def _by_name(kibana: Kibana, space: str, name: str) -> Any:
    found = kibana.rules.select(space, "name = ?", (name,))
    return found[0] if len(found) == 1 else None


def _assigned(rule: Body, assignments: Sequence[str], version: Version) -> Body:
    props = dict(rule)
    for assignment in assignments:
        key, operator, value = _split(assignment)
        if operator == "=" and value == "":
            props.pop(key, None)
        elif operator == "=":
            props[key] = value
        else:
            props[key] = _listed(props.get(key, []), operator, value)
    issues: Issues = []
    del props["id"]
    clean: Body = fields.UPDATE(props, (), issues)
    unknown = sorted(set(props) - set(clean) - set(rule))
    if issues or unknown:
        raise SandboxError(render(issues, version) if issues else f"A rule has no field {unknown[0]!r}.")
    return {"enabled": rule["enabled"], **clean}


def _split(assignment: str) -> tuple[str, str, Any]:
    key, sign, text = assignment.partition("=")
    if not sign or not key.strip("+-"):
        raise SandboxError(f"{assignment!r} is no assignment; write key=value, key+=value or key-=value.")
    operator = f"{key[-1]}=" if key[-1] in "+-" else "="
    try:
        value = from_json(text)
    except NotJsonError:
        value = text
    return key.rstrip("+-"), operator, value


def _listed(have: Any, operator: str, value: Any) -> list[Any]:
    if not isinstance(have, list):
        raise SandboxError("Only a list can be added to or taken from.")
    values = value if isinstance(value, list) else [value]
    if operator == "+=":
        return [*have, *(entry for entry in values if entry not in have)]
    return [entry for entry in have if entry not in values]


def _open(data: str, stack: str | None = None) -> Kibana:
    """The data file under the version that it was last served with; a new one under `stack`, or the default."""
    database = Database(data)
    written = database.meta("stack")
    database.release()
    return open_kibana(Options(data, stack_version=written or stack or DEFAULT_STACK))


def _call(kibana: Kibana, space: str, user: str) -> Call:
    record = next((one for one in kibana.users.all() if one["username"] == user), None)
    if record is None:
        names = ", ".join(one["username"] for one in kibana.users.all())
        raise SandboxError(f"There is no user {user!r}; the sandbox has {names}.")
    if not kibana.has_space(space):
        kibana.documents.add(SPACE, EVERYWHERE, space, {"id": space, "name": space, "disabledFeatures": []})
    return Call(kibana, Request("POST", crud.PATH, "", {}, b""), space, User(user, record["role"]))
