"""The answer of `_bulk_action`: what became of each rule (facts.md section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.sandbox.messages import Body, Response, text_response, to_json


@dataclass(slots=True)
class Results:
    """What happened to each rule, in the words of the answer; the lists hold JSON text."""

    updated: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: list[Body] = field(default_factory=list)
    succeeded: int = 0
    errors: dict[tuple[str, int, str], list[Body]] = field(default_factory=dict)

    def fail(self, message: str, rule: Body, *, status: int = 500, code: str = "") -> None:
        """One rule failed; errors with one message are told together."""
        named = {"id": rule["id"], **({"name": rule["name"]} if "name" in rule else {})}
        self.errors.setdefault((message[:1000], status, code), []).append(named)

    def skip(self, rule: Body, reason: str) -> None:
        """One rule was left as it was."""
        self.skipped.append({"id": rule["id"], "name": rule["name"], "skip_reason": reason})

    def response(self, action: str, *, dry_run: bool) -> Response:
        """200 where nothing failed, else the HTTP 500 that carries the same attributes (section 4.2)."""
        failed = sum(len(rules) for rules in self.errors.values())
        summary = {
            "failed": failed,
            "skipped": len(self.skipped),
            "succeeded": self.succeeded,
            "total": failed + len(self.skipped) + self.succeeded,
        }
        if dry_run:
            listed = '{"updated":[],"created":[],"deleted":[],"skipped":[]}'
        else:
            listed = (
                f'{{"updated":[{",".join(self.updated)}],"created":[{",".join(self.created)}],'
                f'"deleted":[{",".join(self.deleted)}],"skipped":{to_json(self.skipped)}}}'
            )
        attributes = f'"results":{listed},"summary":{to_json(summary)}'
        if not failed:
            return text_response(f'{{"success":true,"rules_count":{summary["total"]},"attributes":{{{attributes}}}}}')
        message = _failure(action, partly=self.succeeded > 0)
        errors = to_json([_error(key, rules) for key, rules in self.errors.items()])
        response = text_response(
            f'{{"message":"{message}","status_code":500,"attributes":{{"errors":{errors},{attributes}}}}}'
        )
        response.status = 500
        return response


def _failure(action: str, *, partly: bool) -> str:
    about = "Bulk manual rule run" if action == "run" else "Bulk edit"
    return f"{about} partially failed" if partly else f"{about} failed"


def _error(key: tuple[str, int, str], rules: list[Body]) -> Body:
    message, status, code = key
    return {"message": message, "status_code": status, **({"err_code": code} if code else {}), "rules": rules}
