/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/network.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "capsule/hosts.h"

struct nvb_network_place nvb_capsule_network_place(const struct nvb_state *state, const struct nvb_log *log)
{
	return (struct nvb_network_place){.run = state->run, .data = state->data, .log = log};
}

static int collect_names(const struct nvb_entry *entry, const struct nvb_capsule_spec *spec,
	const char *hostname, char ***names, nvb_error **err)
{
	const char *const own[] = {entry->name, spec->hostname ? hostname : NULL};

	for (size_t i = 0; i < NVB_ELEMENTS(own); i++)
		if (own[i] && !nvb_strv_contains(*names, own[i]) && !nvb_strv_add(names, own[i]))
			return nvb_fail_oom(err);
	nvb_strv_foreach (alias, spec->network_aliases)
		if (!nvb_strv_contains(*names, *alias) && !nvb_strv_add(names, *alias))
			return nvb_fail_oom(err);
	return 0;
}

int nvb_capsule_network(const struct nvb_state *state, const struct nvb_entry *entry,
	const struct nvb_capsule_spec *spec, const char *hostname, const struct nvb_log *log,
	struct nvb_connection **connection, char *netns, nvb_error **err)
{
	struct nvb_network_place place = nvb_capsule_network_place(state, log);
	_cleanup_strv_ char **names = NULL;
	struct nvb_network_request request = {
		.place = &place,
		.id = entry->id,
		.directory = entry->run,
		.netns = netns,
		.hosts = nvb_hosts_beginning,
		.hostname = hostname,
		.networks = spec->networks,
		.ports = spec->ports,
		.port_count = spec->port_count,
		.extra_hosts = spec->extra_hosts,
		.rootless = state->rootless,
	};
	int rc;

	*connection = NULL;
	*netns = '\0';
	if (spec->network != NVB_NETWORK_BRIDGE)
		return 0;
	/* Its own name: whoever sweeps must not take another's namespace for that of a dead capsule. */
	snprintf(netns, PATH_MAX, "%s/netns-%.12s", state->workspace, entry->id);
	rc = collect_names(entry, spec, hostname, &names, err);
	request.names = names;
	return rc < 0 ? rc : nvb_network_connect(&request, connection, err);
}
