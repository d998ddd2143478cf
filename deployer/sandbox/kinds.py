"""
The kinds of documents, and where each lives. Modules of several resources meet over these.

* SPACE           everywhere; id = space id
* CONNECTOR       per space; id = connector id; body as `GET /api/actions/connector/{id}` shows it, plus `secrets`
* EXCEPTION_LIST  per space, or everywhere for `agnostic` ones; id = saved-object id, key = `list_id`
* EXCEPTION_ITEM  as its list; id = saved-object id, key = `item_id`, parent = `list_id`
* VALUE_INDEX     per space; there while the data streams of the value lists exist
* VALUE_LIST      per space; id = list id
* VALUE_ITEM      per space; id = item id, key = the value, parent = list id
* TIMELINE        per space; id = saved-object id, key = `templateTimelineId` of a template
* USER            everywhere; id = user name (see `users`)
* ASSET           prebuilt rule assets, everywhere; parent = `rule_id`
"""

SPACE = "space"
CONNECTOR = "connector"
EXCEPTION_LIST = "exception_list"
EXCEPTION_ITEM = "exception_item"
VALUE_INDEX = "value_index"
VALUE_LIST = "value_list"
VALUE_ITEM = "value_item"
TIMELINE = "timeline"
USER = "user"
ASSET = "asset"

LIST_TYPES = (
    "detection",
    "rule_default",
    "endpoint",
    "endpoint_trusted_apps",
    "endpoint_trusted_devices",
    "endpoint_events",
    "endpoint_host_isolation_exceptions",
    "endpoint_blocklists",
)
"""The types of exception lists, which lists and the links of rules share (facts.md section 7)."""
