/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <json.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "network/backend.h"
#include "network/call.h"

/*
 * netavark: everything in one call, address translation included. Source of the options' format: netavark's
 * own documentation and test/ files. It wants a PATH for iptables, and a directory for what it keeps.
 */

static const char *const directories[] = {
	"/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman", "/usr/bin", NULL};

static char *find(void)
{
	return nvb_call_find(directories, "netavark");
}

static void write_ports(const struct nvb_backend_task *task, struct nvb_strbuf *out)
{
	bool any = false;

	for (size_t i = 0; i < task->port_count; i++) {
		const struct nvb_port *port = &task->ports[i];

		/* Loopback and IPv6 addresses are the proxy's. */
		if (strchr(port->address, ':') || nvb_after(port->address, "127."))
			continue;
		nvb_sb_addf(out,
			"%s{\"host_ip\":\"%s\",\"host_port\":%u,\"container_port\":%u,\"range\":1,"
			"\"protocol\":\"%s\"}",
			any ? "," : "", port->address, port->host, port->container,
			port->udp ? "udp" : "tcp");
		any = true;
	}
}

static void write_network(const struct nvb_network_info *network, struct nvb_strbuf *out)
{
	char subnet[NVB_SUBNET_TEXT], gateway[INET_ADDRSTRLEN];

	nvb_sb_add_json(out, network->name);
	nvb_sb_add(out, ":{\"name\":");
	nvb_sb_add_json(out, network->name);
	nvb_sb_addf(out,
		",\"id\":\"%s\",\"driver\":\"bridge\",\"network_interface\":\"%s\","
		"\"created\":\"1970-01-01T00:00:00Z\",\"subnets\":[{\"subnet\":\"%s\",\"gateway\":\"%s\"}],"
		"\"ipv6_enabled\":false,\"internal\":%s,\"dns_enabled\":false,"
		"\"ipam_options\":{\"driver\":\"host-local\"}",
		network->id, network->interface, nvb_subnet_format(network->subnet, subnet),
		nvb_address_format(network->gateway, gateway), network->internal ? "true" : "false");
	nvb_sb_add(out, ",\"options\":{\"isolate\":\"true\"");
	if (network->mtu)
		nvb_sb_addf(out, ",\"mtu\":\"%u\"", network->mtu);
	nvb_sb_add(out, "}}");
}

static void write_options(const struct nvb_backend_task *task, struct nvb_strbuf *out)
{
	char address[INET_ADDRSTRLEN];

	nvb_sb_addf(out, "{\"container_id\":\"%s\",\"container_name\":\"%s\",\"port_mappings\":[", task->id,
		task->id);
	write_ports(task, out);
	nvb_sb_add(out, "],\"networks\":{");
	for (size_t i = 0; i < task->count; i++) {
		nvb_sb_add(out, i ? "," : "");
		nvb_sb_add_json(out, task->endpoints[i].network.name);
		nvb_sb_addf(out, ":{\"static_ips\":[\"%s\"],\"aliases\":[],\"interface_name\":\"%s\"}",
			nvb_address_format(task->endpoints[i].address, address),
			task->endpoints[i].interface);
	}
	nvb_sb_add(out, "},\"network_info\":{");
	for (size_t i = 0; i < task->count; i++) {
		nvb_sb_add(out, i ? "," : "");
		write_network(&task->endpoints[i].network, out);
	}
	nvb_sb_add(out, "}}");
}

/* {"error":"..."} on its standard output. */
static int failure(const struct nvb_call *call, nvb_error **err)
{
	json_object *object = json_tokener_parse(call->output), *message = NULL;
	const char *said = call->errors;
	int rc;

	if (json_object_is_type(object, json_type_object) &&
		json_object_object_get_ex(object, "error", &message))
		said = json_object_get_string(message);
	rc = nvb_fail(err, NVB_ERR_SYSTEM, "%s: %.*s", call->argv[0], (int)strcspn(said, "\n"),
		*said ? said : "failed without a word");
	json_object_put(object);
	return rc;
}

static int run(const char *program, const char *verb, const struct nvb_backend_task *task, nvb_error **err)
{
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	_cleanup_strbuf_ struct nvb_strbuf options = {0};
	const char *const argv[] = {program, "--config", task->scratch, verb, task->netns, NULL};
	_cleanup_call_ struct nvb_call call = {.argv = argv, .environment = environment};
	int rc;

	write_options(task, &options);
	if (options.failed)
		return nvb_fail_oom(err);
	rc = nvb_file_mkdirs(AT_FDCWD, task->scratch, 0700, err);
	if (rc < 0)
		return rc;
	call.input = options.s;
	rc = nvb_call(&call, err);
	return rc == 0 && call.status != 0 ? failure(&call, err) : rc;
}

static int begin(const char *program, const struct nvb_backend_task *task, nvb_error **err)
{
	return run(program, "setup", task, err);
}

static int end(const char *program, const struct nvb_backend_task *task, nvb_error **err)
{
	return run(program, "teardown", task, err);
}

const struct nvb_backend nvb_backend_netavark = {
	.name = "netavark",
	.translates = true,
	.find = find,
	.begin = begin,
	.end = end,
};
