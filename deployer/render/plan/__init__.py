"""
Plans, for each reader. All renderers are pure functions of the same values: a `Plan`, or a `Document` of several.

    document   the plans of one run            words      sentences that every renderer says alike
    text       a terminal                      markdown   a comment at a pull request
    page       HTML, to look and filter        data       the one JSON, and its schema
    junit · github · gitlab                    what those systems take

Order, risk and groups come from `core.review`. Names and queries are users' data: no renderer lets one of them end a
line, an element or a command.
"""
