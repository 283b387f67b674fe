/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <json.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "network/network.h"

void nvb_network_write(const struct nvb_network_info *network, struct nvb_strbuf *out)
{
	char subnet[NVB_SUBNET_TEXT], gateway[INET_ADDRSTRLEN];

	nvb_sb_add(out, "{\"name\":");
	nvb_sb_add_json(out, network->name);
	nvb_sb_addf(out,
		",\"id\":\"%s\",\"driver\":\"bridge\",\"interface\":\"%s\",\"subnet\":\"%s\","
		"\"gateway\":\"%s\",\"internal\":%s,\"mtu\":%u,\"created\":%lld,\"labels\":{",
		network->id, network->interface, nvb_subnet_format(network->subnet, subnet),
		nvb_address_format(network->gateway, gateway), network->internal ? "true" : "false",
		network->mtu, network->created);
	nvb_strv_foreach (label, network->labels) {
		_cleanup_free_ char *key = strndup(*label, strcspn(*label, "="));
		const char *value = strchr(*label, '=');

		if (!key) {
			out->failed = true;
			return;
		}
		nvb_sb_add(out, label == network->labels ? "" : ",");
		nvb_sb_add_json(out, key);
		nvb_sb_addc(out, ':');
		nvb_sb_add_json(out, value ? value + 1 : "");
	}
	nvb_sb_add(out, "}}");
}

static const char *text_of(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

static int64_t number_of(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

static bool read_labels(json_object *object, char ***labels)
{
	json_object *value;

	if (!json_object_object_get_ex(object, "labels", &value) ||
		!json_object_is_type(value, json_type_object))
		return true;
	json_object_object_foreach(value, key,
		label) if (!nvb_strv_addf(labels, "%s=%s", key, json_object_get_string(label))) return false;
	return true;
}

int nvb_network_read(json_object *object, const char *where, struct nvb_network_info *out, nvb_error **err)
{
	_cleanup_network_ struct nvb_network_info network = {0};
	const char *name = text_of(object, "name"), *id = text_of(object, "id"),
		   *interface = text_of(object, "interface"), *subnet = text_of(object, "subnet"),
		   *gateway = text_of(object, "gateway");
	json_object *internal;

	if (!name || !id || strlen(id) != sizeof(network.id) - 1 || !interface || !*interface ||
		strlen(interface) >= IFNAMSIZ || strchr(interface, '/') || !subnet || !gateway ||
		nvb_subnet_parse(subnet, &network.subnet, NULL) < 0 ||
		!nvb_address_parse(gateway, &network.gateway) ||
		!nvb_subnet_has_host(network.subnet, network.gateway))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: not the definition of a network", where);
	memcpy(network.id, id, sizeof(network.id));
	snprintf(network.interface, sizeof(network.interface), "%s", interface);
	network.internal =
		json_object_object_get_ex(object, "internal", &internal) && json_object_get_boolean(internal);
	network.mtu = (unsigned)number_of(object, "mtu");
	network.created = number_of(object, "created");
	network.name = strdup(name);
	if (!network.name || !read_labels(object, &network.labels))
		return nvb_fail_oom(err);
	*out = network;
	network = (struct nvb_network_info){0};
	return 0;
}
