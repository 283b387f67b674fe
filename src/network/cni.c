/* SPDX-License-Identifier: Apache-2.0 */
#include <json.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "network/backend.h"
#include "network/call.h"

/*
 * The CNI plugins "bridge" and "static" (addresses are ours). Source: the CNI specification 0.4.0, the
 * plugins' pages at cni.dev. What "bridge" could do besides (masquerading) leaves rules behind when the
 * container's namespace is gone before its end, so nat.c does that.
 */

/* Debian, Fedora, and where the project itself installs. */
static const char *const directories[] = {
	"/usr/lib/cni", "/usr/libexec/cni", "/usr/libexec/kubernetes/cni", "/opt/cni/bin", NULL};

static char *find(void)
{
	return nvb_call_find(directories, "bridge");
}

static void write_config(const struct nvb_endpoint *endpoint, struct nvb_strbuf *out)
{
	const struct nvb_network_info *network = &endpoint->network;
	bool way_out = endpoint->first && !network->internal;
	char address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];

	nvb_sb_add(out, "{\"cniVersion\":\"0.4.0\",\"type\":\"bridge\",\"name\":");
	nvb_sb_add_json(out, network->name);
	nvb_sb_addf(out,
		",\"bridge\":\"%s\",\"isGateway\":true,\"isDefaultGateway\":%s,\"hairpinMode\":true,"
		"\"ipMasq\":false,\"mtu\":%u,\"ipam\":{\"type\":\"static\",\"addresses\":["
		"{\"address\":\"%s/%u\",\"gateway\":\"%s\"}]}}",
		network->interface, way_out ? "true" : "false", network->mtu,
		nvb_address_format(endpoint->address, address), network->subnet.prefix,
		nvb_address_format(network->gateway, gateway));
}

/* A plugin that fails says why in JSON on its standard output: {"code":7,"msg":"..."}. */
static int failure(const struct nvb_call *call, const char *network, nvb_error **err)
{
	json_object *object = json_tokener_parse(call->output), *message = NULL;
	const char *said = call->errors;
	int rc;

	if (json_object_is_type(object, json_type_object) &&
		json_object_object_get_ex(object, "msg", &message))
		said = json_object_get_string(message);
	rc = nvb_fail(err, NVB_ERR_SYSTEM, "network '%s': %s: %.*s", network, call->argv[0],
		(int)strcspn(said, "\n"), *said ? said : "failed without a word");
	json_object_put(object);
	return rc;
}

static int call_plugin(const char *program, const char *command, const struct nvb_backend_task *task,
	const struct nvb_endpoint *endpoint, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf config = {0};
	_cleanup_strv_ char **environment = NULL;
	const char *const argv[] = {program, NULL};
	const char *slash = strrchr(program, '/');
	_cleanup_call_ struct nvb_call call = {.argv = argv};
	int rc;

	write_config(endpoint, &config);
	if (config.failed || !nvb_strv_addf(&environment, "CNI_COMMAND=%s", command) ||
		!nvb_strv_addf(&environment, "CNI_CONTAINERID=%s", task->id) ||
		!nvb_strv_addf(&environment, "CNI_NETNS=%s", task->netns) ||
		!nvb_strv_addf(&environment, "CNI_IFNAME=%s", endpoint->interface) ||
		!nvb_strv_addf(&environment, "CNI_PATH=%.*s", (int)(slash - program), program))
		return nvb_fail_oom(err);
	call.environment = (const char *const *)environment;
	call.input = config.s;
	rc = nvb_call(&call, err);
	if (rc == 0 && call.status != 0)
		rc = failure(&call, endpoint->network.name, err);
	return rc;
}

static int begin(const char *program, const struct nvb_backend_task *task, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < task->count; i++)
		rc = call_plugin(program, "ADD", task, &task->endpoints[i], err);
	return rc;
}

/* Interfaces go with their namespace, and nothing else was made. */
static int end(const char *program, const struct nvb_backend_task *task, nvb_error **err)
{
	(void)program;
	(void)task;
	(void)err;
	return 0;
}

const struct nvb_backend nvb_backend_cni = {
	.name = "cni",
	.find = find,
	.begin = begin,
	.end = end,
};
