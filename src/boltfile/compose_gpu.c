/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "boltfile/compose_parts.h"

/* How a Compose file asks for GPUs (https://docs.docker.com/compose/how-tos/gpu-support/): reservations of
 * devices, the short form `gpus`, and what came before both, `runtime: nvidia` with NVIDIA_VISIBLE_DEVICES.
 */

struct gpus {
	char **devices, **capabilities;
};

static void add(struct compose *c, char ***list, const char *word)
{
	if (word && nvb_strv_contains(*list, word))
		return;
	c->oom = !word || !nvb_strv_add(list, word) || c->oom;
}

/* "any N GPUs" are the first ones. */
static void add_count(struct compose *c, const char *text, struct gpus *gpus)
{
	uint32_t count = 0;

	if (nvb_streq(text, "all") || nvb_streq(text, "-1"))
		add(c, &gpus->devices, "gpu:all");
	else if (nvb_parse_u32(text, &count) && count <= 64)
		for (uint32_t i = 0; i < count; i++)
			add(c, &gpus->devices, nvb_arena_printf(&c->arena, "gpu:%u", i));
}

static void add_ids(struct compose *c, const node *ids, struct gpus *gpus)
{
	for (size_t i = 0; i < compose_count(ids); i++)
		if (compose_text(nvb_cdi_node_at(ids, i)))
			add(c, &gpus->devices, compose_text(nvb_cdi_node_at(ids, i)));
}

/* One element of `devices`; false when it asks for another maker's. */
static bool add_device(struct compose *c, const node *device, struct gpus *gpus)
{
	const char *driver = compose_text(compose_get(c, device, "driver"));
	const char *count = compose_text(compose_get(c, device, "count"));
	const node *ids = compose_get(c, device, "device_ids");
	const node *capabilities = compose_get(c, device, "capabilities");

	if (driver && !nvb_streq(driver, "nvidia") && !nvb_streq(driver, "cdi"))
		return false;
	add_ids(c, ids, gpus);
	if (!ids)
		add_count(c, count ? count : "all", gpus);
	for (size_t i = 0; i < compose_count(capabilities); i++) {
		const char *word = compose_text(nvb_cdi_node_at(capabilities, i));

		/* "gpu" and "nvidia" say what kind of device it is, the others what its driver is for. */
		if (word && !nvb_streq(word, "gpu") && !nvb_streq(word, "nvidia"))
			add(c, &gpus->capabilities, word);
	}
	return true;
}

static void add_devices(struct compose *c, const node *devices, const char *path, struct gpus *gpus)
{
	for (size_t i = 0; i < compose_count(devices); i++) {
		const node *device = nvb_cdi_node_at(devices, i);

		if (!add_device(c, device, gpus))
			compose_lose(c, &c->keys, device, path, "nvbind gives NVIDIA's GPUs alone");
	}
}

static const char *variable(struct compose *c, const node *service, const char *name)
{
	const node *environment = compose_get(c, service, "environment");
	size_t n = strlen(name);

	if (compose_map(c, environment))
		return compose_text(compose_get(c, environment, name));
	for (size_t i = 0; i < compose_count(environment); i++) {
		const char *text = compose_text(nvb_cdi_node_at(environment, i));

		if (text && strncmp(text, name, n) == 0 && text[n] == '=')
			return text + n + 1;
	}
	return NULL;
}

static void add_runtime(struct compose *c, const node *service, struct gpus *gpus)
{
	const node *runtime = compose_get(c, service, "runtime");
	const char *name = compose_text(runtime), *visible;
	_cleanup_strv_ char **ids = NULL;

	if (!name)
		return;
	if (!nvb_streq(name, "nvidia")) {
		compose_lose(c, &c->keys, runtime, "runtime", "bolt finds out which OCI runtime works");
		return;
	}
	visible = variable(c, service, "NVIDIA_VISIBLE_DEVICES");
	if (gpus->devices || !visible || nvb_streq(visible, "none") || nvb_streq(visible, "void"))
		return;
	ids = nvb_strv_split(visible, ",");
	nvb_strv_foreach (id, ids)
		add(c, &gpus->devices, *id);
}

void compose_gpus(struct compose *c, const node *service)
{
	const node *resources = compose_get(c, compose_get(c, service, "deploy"), "resources");
	const node *reserved = compose_get(c, compose_get(c, resources, "reservations"), "devices");
	const node *short_form = compose_get(c, service, "gpus");
	struct gpus gpus = {0};

	add_devices(c, reserved, "deploy.resources.reservations.devices", &gpus);
	if (compose_text(short_form))
		add_count(c, compose_text(short_form), &gpus);
	else
		add_devices(c, short_form, "gpus", &gpus);
	add_runtime(c, service, &gpus);
	if (gpus.devices) {
		compose_header(&c->tables, "services", c->service, ".gpu");
		compose_put(&c->tables, "runtime", "nvbind");
		compose_put_list(&c->tables, "devices", gpus.devices);
		if (gpus.capabilities)
			compose_put_list(&c->tables, "capabilities", gpus.capabilities);
	}
	nvb_strv_free(gpus.devices);
	nvb_strv_free(gpus.capabilities);
}
