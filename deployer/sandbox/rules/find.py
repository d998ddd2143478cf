"""`_find`: searching rules by KQL, sorted and paged (facts.md section 5.1)."""

from __future__ import annotations

from deployer.sandbox.call import Call
from deployer.sandbox.errors import SiemError
from deployer.sandbox.kql import compile_filter
from deployer.sandbox.kql_match import Condition, KqlError
from deployer.sandbox.messages import Body, Response, from_json, text_response, to_json
from deployer.sandbox.query_schema import query_integer, query_list
from deployer.sandbox.routing import Route
from deployer.sandbox.rules.crud import PATH
from deployer.sandbox.rules.reading import text_of
from deployer.sandbox.schema import may, one_of, text

_WINDOW = 10_000
_EXECUTION = "execution_summary.last_execution"
_SUMMARY = "json_extract(summary, '$.last_execution."
_SORT = {
    "created_at": "created_at",
    "createdAt": "created_at",
    "enabled": "enabled",
    f"{_EXECUTION}.date": f"{_SUMMARY}date')",
    f"{_EXECUTION}.metrics.execution_gap_duration_s": f"{_SUMMARY}metrics.execution_gap_duration_s')",
    f"{_EXECUTION}.metrics.total_indexing_duration_ms": f"{_SUMMARY}metrics.total_indexing_duration_ms')",
    f"{_EXECUTION}.metrics.total_search_duration_ms": f"{_SUMMARY}metrics.total_search_duration_ms')",
    f"{_EXECUTION}.status": f"{_SUMMARY}status_order')",
    "name": "name COLLATE NOCASE",
    "risk_score": "risk_score",
    "riskScore": "risk_score",
    "severity": "severity",
    "updated_at": "updated_at",
    "updatedAt": "updated_at",
}
_QUERY = {
    "fields": may(query_list(text(), commas=True)),
    "filter": may(text()),
    "sort_field": may(one_of(*_SORT)),
    "sort_order": may(one_of("asc", "desc")),
    "page": may(query_integer(least=1)),
    "per_page": may(query_integer(least=0)),
    "gaps_range_start": may(text()),
    "gaps_range_end": may(text()),
}


def find(call: Call) -> Response:
    """One page of rules. Nothing is done about gaps: rules never run here, so none has any."""
    sent = call.query(_QUERY)
    if ("sort_field" in sent) != ("sort_order" in sent):
        raise SiemError(400, ['when "sort_order" and "sort_field" must exist together or not at all'])
    page, per_page = sent.get("page", 1), sent.get("per_page", 20)
    _check_window(page, per_page)
    condition = compiled(sent.get("filter", ""))
    if "gaps_range_start" in sent and "gaps_range_end" in sent:
        condition = Condition("0")
    order = f"{_SORT[sent['sort_field']]} {sent['sort_order']}, pk" if "sort_field" in sent else "pk"
    if "stale" in call.faults:
        with call.kibana.database.stale():
            return _page(call, condition, order, (page, per_page), sent.get("fields"))
    return _page(call, condition, order, (page, per_page), sent.get("fields"))


def compiled(text: str) -> Condition:
    """A compiled filter. Raises the SIEM 400 for what is no KQL."""
    try:
        return compile_filter(text)
    except KqlError as exc:
        raise SiemError(400, str(exc)) from exc


def _check_window(page: int, per_page: int) -> None:
    if page * per_page > _WINDOW:
        raise SiemError(
            400,
            "search_phase_execution_exception: Result window is too large, from + size must be less than or equal to: "
            f"[{_WINDOW}] but was [{page * per_page}]. "
            "See the scroll api for a more efficient way to request large data sets. "
            "This limit can be set by changing the [index.max_result_window] index level setting.",
        )


def _page(call: Call, condition: Condition, order: str, paging: tuple[int, int], names: list[str] | None) -> Response:
    page, per_page = paging
    table = call.kibana.rules
    total = table.count(call.space, condition.sql, condition.values)
    rules = (
        table.select(
            call.space, condition.sql, condition.values, order=order, limit=per_page, offset=(page - 1) * per_page
        )
        if per_page
        else []
    )
    texts = [text_of(call, stored) for stored in rules]
    if names is not None:
        texts = [to_json(_only(from_json(one), names)) for one in texts]
    return text_response(f'{{"page":{page},"perPage":{per_page},"total":{total},"data":[{",".join(texts)}]}}')


def _only(rule: Body, names: list[str]) -> Body:
    """The chosen keys of a rule, its `id` always; saved-object names (`params.ruleId`) are understood too."""
    wanted = {"id", *names, *(name.removeprefix("params.") for name in names)}
    aliases = {"ruleId": "rule_id", "createdAt": "created_at", "updatedAt": "updated_at", "riskScore": "risk_score"}
    wanted |= {aliases[name] for name in wanted if name in aliases}
    return {name: value for name, value in rule.items() if name in wanted}


ROUTES = (Route("GET", f"{PATH}/_find", find, "rules-read"),)
