/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "capsule/spec.h"

/* What a capsule's network shall be. */

enum { MOST_PORTS = 1024 };

bool nvb_is_network_name(const char *text)
{
	size_t n = strlen(text);

	if (n < 1 || n > NVB_NETWORK_NAME || !isalnum((unsigned char)*text))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
			return false;
	return true;
}

static int add_named(struct nvb_capsule_spec *spec, const char *name, nvb_error **err)
{
	if (!nvb_is_network_name(name))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "network '%s': not the name of a network", name),
			"none, host, bridge, or one of 'bolt network ls'");
	if (nvb_strv_contains(spec->networks, name))
		return 0;
	if (nvb_strv_length(spec->networks) == NVB_NETWORKS)
		return nvb_fail(err, NVB_ERR_INVALID, "network '%s': a capsule has %d networks at most", name,
			NVB_NETWORKS);
	return nvb_strv_add(&spec->networks, name) ? 0 : nvb_fail_oom(err);
}

int nvb_spec_add_network(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	bool none = nvb_streq(text, "none"), host = nvb_streq(text, "host");
	enum nvb_network network = none ? NVB_NETWORK_NONE : host ? NVB_NETWORK_HOST : NVB_NETWORK_BRIDGE;
	int rc;

	if (spec->network_given && spec->network != network)
		return nvb_fail(err, NVB_ERR_INVALID,
			"network '%s': none and host cannot be had beside other networks", text);
	rc = network == NVB_NETWORK_BRIDGE ? add_named(spec, text, err) : 0;
	if (rc < 0)
		return rc;
	spec->network = network;
	spec->network_given = true;
	return 0;
}

int nvb_spec_add_port(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	struct nvb_port_range range;
	int rc = nvb_port_parse(text, &range, err);

	if (rc < 0)
		return rc;
	if (spec->port_count + range.count > MOST_PORTS)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "port '%s': more than %d ports", text, MOST_PORTS),
			"a capsule with so many is better off with --network host");
	for (unsigned i = 0; i < range.count; i++) {
		struct nvb_port port = range.first;

		port.container = (uint16_t)(port.container + i);
		port.host = (uint16_t)(port.host ? port.host + i : 0);
		if (!NVB_GROW(spec->ports, spec->port_count, spec->port_capacity))
			return nvb_fail_oom(err);
		spec->ports[spec->port_count++] = port;
	}
	return 0;
}

int nvb_spec_add_host(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	unsigned char binary[sizeof(struct in6_addr)];
	size_t n = strcspn(text, ":=");
	const char *address = text[n] ? text + n + 1 : "";
	bool good = n > 0 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789_.-") == n;

	if (!good || (inet_pton(AF_INET, address, binary) != 1 && inet_pton(AF_INET6, address, binary) != 1))
		return nvb_fail(err, NVB_ERR_INVALID, "host '%s': not NAME:ADDRESS", text);
	return nvb_strv_addf(&spec->extra_hosts, "%s\t%.*s", address, (int)n, text) ? 0 : nvb_fail_oom(err);
}

int nvb_spec_add_network_alias(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	if (!nvb_is_network_name(text))
		return nvb_fail(err, NVB_ERR_INVALID, "network alias '%s': not a host's name", text);
	if (nvb_strv_contains(spec->network_aliases, text))
		return 0;
	return nvb_strv_add(&spec->network_aliases, text) ? 0 : nvb_fail_oom(err);
}

int nvb_spec_settle_network(struct nvb_capsule_spec *spec, nvb_error **err)
{
	char text[NVB_PORT_TEXT];

	if (!spec->network_given && (spec->port_count || spec->network_aliases))
		return nvb_spec_add_network(spec, NVB_NETWORK_DEFAULT, err);
	if (spec->network == NVB_NETWORK_BRIDGE)
		return 0;
	if (spec->port_count)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "port %s cannot be published: the capsule %s",
				nvb_port_format(&spec->ports[0], text),
				spec->network == NVB_NETWORK_HOST
					? "has the host's network, where its ports are the host's"
					: "has no network"),
			"use --network bridge, or leave --network out");
	if (spec->network_aliases)
		return nvb_fail(err, NVB_ERR_INVALID,
			"network alias '%s': only a capsule on a bridge has names there",
			spec->network_aliases[0]);
	return 0;
}
