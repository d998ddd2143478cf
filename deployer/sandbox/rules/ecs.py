"""
Types of ECS fields, for `required_fields[].ecs` (facts.md section 2.4): a field is ECS's where name and type match.

Written as field sets, so that those which ECS reuses in several places are named once. A type stands before the names
that have it; a name starts at its field set.
"""

from __future__ import annotations

import functools

_SETS: dict[str, str] = {
    "": "date @timestamp keyword tags match_only_text message object labels",
    "agent": "keyword build.original ephemeral_id id name type version",
    "as": "long number keyword organization.name",
    "client": "keyword address domain mac registered_domain subdomain top_level_domain ip ip nat.ip"
    " long bytes nat.port packets port",
    "cloud": "keyword account.id account.name availability_zone instance.id instance.name machine.type project.id"
    " project.name provider region service.name",
    "code_signature": "keyword digest_algorithm flags signing_id status subject_name team_id thumbprint_sha256"
    " boolean exists trusted valid date timestamp",
    "container": "keyword id image.hash.all image.name image.tag name runtime scaled_float cpu.usage memory.usage"
    " long disk.read.bytes disk.write.bytes network.egress.bytes network.ingress.bytes object labels",
    "data_stream": "constant_keyword dataset namespace type",
    "device": "keyword id manufacturer model.identifier model.name serial_number",
    "dll": "keyword name path",
    "dns": "keyword answers.class answers.data answers.name answers.type header_flags id op_code question.class"
    " question.name question.registered_domain question.subdomain question.top_level_domain question.type"
    " response_code type ip resolved_ip long answers.ttl object answers",
    "ecs": "keyword version",
    "elf": "keyword architecture byte_order cpu_type header.abi_version header.class header.data header.object_version"
    " header.os_abi header.type header.version import_hash shared_libraries telfhash date creation_date"
    " long header.entrypoint flattened exports imports nested sections segments",
    "email": "keyword bcc.address cc.address content_type from.address local_id message_id reply_to.address"
    " sender.address to.address x_mailer direction match_only_text subject date delivery_timestamp"
    " origination_timestamp nested attachments",
    "error": "keyword code id type match_only_text message wildcard stack_trace",
    "event": "keyword action agent_id_status category code dataset hash id kind module outcome provider reason"
    " reference timezone type url original date created end ingested start long duration sequence severity"
    " float risk_score risk_score_norm",
    "faas": "keyword execution id name trigger.request_id trigger.type version boolean coldstart",
    "file": "keyword attributes device directory drive_letter extension fork_name gid group inode mime_type mode name"
    " origin_referrer_url origin_url owner path target_path type uid date accessed created ctime mtime long size",
    "geo": "keyword city_name continent_code continent_name country_iso_code country_name name postal_code"
    " region_iso_code region_name timezone geo_point location",
    "group": "keyword domain id name",
    "hash": "keyword cdhash md5 sha1 sha256 sha384 sha512 ssdeep tlsh",
    "host": "keyword architecture boot.id domain hostname id mac name pid_ns_ino type ip ip long disk.read.bytes"
    " disk.write.bytes network.egress.bytes network.egress.packets network.ingress.bytes network.ingress.packets"
    " uptime scaled_float cpu.usage",
    "http": "keyword request.id request.method request.mime_type request.referrer response.mime_type version"
    " wildcard request.body.content response.body.content long request.body.bytes request.bytes"
    " response.body.bytes response.bytes response.status_code",
    "interface": "keyword alias id name",
    "log": "keyword file.path level logger origin.file.name origin.function syslog.facility.name"
    " syslog.severity.name syslog.appname syslog.hostname syslog.msgid syslog.procid syslog.version"
    " long origin.file.line syslog.facility.code syslog.priority syslog.severity.code",
    "network": "keyword application community_id direction iana_number name protocol transport type ip forwarded_ip"
    " long bytes packets",
    "observer": "keyword hostname mac name product serial_number type vendor version ip ip"
    " keyword egress.zone ingress.zone",
    "orchestrator": "keyword api_version cluster.id cluster.name cluster.url cluster.version namespace organization"
    " resource.annotation resource.id resource.label resource.name resource.parent.type resource.type type"
    " ip resource.ip",
    "organization": "keyword id name",
    "os": "keyword family full kernel name platform type version",
    "package": "keyword architecture build_version checksum description install_scope license name path reference"
    " type version date installed long size",
    "pe": "keyword architecture company description file_version imphash import_hash original_file_name pehash product"
    " flattened imports nested sections",
    "process": "keyword args entity_id executable name title working_directory vpid env_vars wildcard command_line"
    " long args_count exit_code pgid pid thread.id uptime boolean interactive date end start"
    " keyword thread.name io.type thread.capabilities.effective thread.capabilities.permitted",
    "registry": "keyword data.type hive key path value wildcard data.strings keyword data.bytes",
    "related": "keyword hash hosts user ip ip",
    "rule": "keyword author category description id license name reference ruleset uuid version",
    "server": "keyword address domain mac registered_domain subdomain top_level_domain ip ip nat.ip"
    " long bytes nat.port packets port",
    "service": "keyword address environment ephemeral_id id name node.name node.role node.roles state type version",
    "threat": "keyword feed.name feed.reference feed.description feed.dashboard_id framework group.alias group.id"
    " group.name group.reference indicator.confidence indicator.description indicator.email.address"
    " indicator.marking.tlp indicator.marking.tlp_version indicator.name indicator.provider indicator.reference"
    " indicator.type software.alias software.id software.name software.platforms software.reference software.type"
    " tactic.id tactic.name tactic.reference technique.id technique.name technique.reference"
    " technique.subtechnique.id technique.subtechnique.name technique.subtechnique.reference ip indicator.ip"
    " date indicator.first_seen indicator.last_seen indicator.modified_at long indicator.port"
    " indicator.scanner_stats indicator.sightings nested enrichments",
    "tls": "keyword cipher client.certificate client.certificate_chain client.hash.md5 client.hash.sha1"
    " client.hash.sha256 client.issuer client.ja3 client.server_name client.subject client.supported_ciphers curve"
    " next_protocol server.certificate server.certificate_chain server.hash.md5 server.hash.sha1"
    " server.hash.sha256 server.issuer server.ja3s server.subject version version_protocol boolean established"
    " resumed date client.not_after client.not_before server.not_after server.not_before",
    "transaction": "keyword id",
    "span": "keyword id",
    "trace": "keyword id",
    "url": "keyword domain extension fragment password query registered_domain scheme subdomain top_level_domain"
    " username wildcard full original path long port",
    "user": "keyword domain email full_name hash id name roles",
    "user_agent": "keyword device.name name original version",
    "vlan": "keyword id name",
    "volume": "keyword bus_type device_name dos_name file_system_type mount_name nt_name product_id product_name"
    " serial_number vendor_id vendor_name boolean default_access removable writable long size",
    "vulnerability": "keyword category classification description enumeration id reference report_id scanner.vendor"
    " score.version severity float score.base score.environmental score.temporal",
    "x509": "keyword alternative_names issuer.common_name issuer.country issuer.distinguished_name issuer.locality"
    " issuer.organization issuer.organizational_unit issuer.state_or_province public_key_algorithm public_key_curve"
    " serial_number signature_algorithm subject.common_name subject.country subject.distinguished_name"
    " subject.locality subject.organization subject.organizational_unit subject.state_or_province version_number"
    " date not_after not_before long public_key_exponent public_key_size",
}
_SETS["source"] = _SETS["destination"] = _SETS["client"]

# Where ECS uses a set again; one use may hold the next (`process.parent.code_signature`), so the order counts.
_REUSED: tuple[tuple[str, str], ...] = (
    ("group", "user process process.parent"),
    ("user", "client destination host server source process process.parent"),
    ("user", "user.changes user.effective user.target"),
    ("as", "client destination server source threat.indicator"),
    ("geo", "client destination server source host observer threat.indicator"),
    ("os", "host observer user_agent"),
    ("vlan", "network network.inner observer.egress observer.ingress"),
    ("interface", "observer.egress observer.ingress"),
    ("hash", "file process dll email.attachments.file"),
    ("code_signature", "file process dll"),
    ("pe", "file process dll"),
    ("elf", "file process"),
    ("x509", "file tls.client tls.server threat.indicator"),
    ("process", "process.parent process.entry_leader process.session_leader process.group_leader process.previous"),
    ("file", "threat.indicator"),
    ("registry", "threat.indicator"),
    ("url", "threat.indicator"),
)
_NO_ROOT = frozenset({"as", "code_signature", "geo", "hash", "interface", "os", "pe", "elf", "vlan", "x509"})
_TYPES = frozenset(
    {
        *("boolean", "constant_keyword", "date", "flattened", "float", "geo_point", "ip", "keyword", "long"),
        *("match_only_text", "nested", "object", "scaled_float", "wildcard"),
    }
)


def field_type(name: str) -> str | None:
    """The ECS type of a field, None for a field that ECS does not have."""
    return _all().get(name)


@functools.cache
def _all() -> dict[str, str]:
    fields: dict[str, str] = {}
    for set_name, text in _SETS.items():
        if set_name not in _NO_ROOT:
            _put(fields, set_name, _own(text))
    for set_name, places in _REUSED:
        for place in places.split():
            under = place if place.rpartition(".")[0] == set_name else f"{place}.{set_name}"
            reused = {
                name.removeprefix(f"{set_name}."): kind
                for name, kind in fields.items()
                if name.startswith(f"{set_name}.") and not name.startswith(f"{under}.")
            }
            _put(fields, under, reused or _own(_SETS[set_name]))
    return fields


def _own(text: str) -> dict[str, str]:
    """The names of one set, each with the type that stands last before it; `ip ip` is the field `ip` of type ip."""
    names: dict[str, str] = {}
    kind, fresh = "", False
    for word in text.split():
        if word in _TYPES and not (word == "ip" and fresh and kind == "ip"):
            kind, fresh = word, True
        else:
            names[word] = kind
            fresh = False
    return names


def _put(fields: dict[str, str], under: str, names: dict[str, str]) -> None:
    prefix = f"{under}." if under else ""
    for name, kind in names.items():
        fields.setdefault(f"{prefix}{name}", kind)
