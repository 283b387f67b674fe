/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "boltfile/compose_parts.h"

/* The parts of a Compose service that have a short and a long form. */

static bool add(struct compose *c, char ***list, const char *word)
{
	bool ok = word && nvb_strv_add(list, word);

	c->oom = c->oom || !ok;
	return ok;
}

/* "80" alone publishes a free port of the host in a Compose file, and the same one in a Boltfile. */
static const char *short_port(struct compose *c, const char *text)
{
	size_t n = strcspn(text, "/");

	return strspn(text, "0123456789-") == n ? nvb_arena_printf(&c->arena, ":%s", text) : text;
}

static const char *long_port(struct compose *c, const node *port)
{
	const char *target = compose_text(compose_get(c, port, "target"));
	const char *published = compose_text(compose_get(c, port, "published"));
	const char *address = compose_text(compose_get(c, port, "host_ip"));
	const char *protocol = compose_text(compose_get(c, port, "protocol"));

	if (!target)
		return NULL;
	return nvb_arena_printf(&c->arena, "%s%s%s:%s%s%s", address ? address : "", address ? ":" : "",
		published ? published : "", target, protocol ? "/" : "", protocol ? protocol : "");
}

void compose_ports(struct compose *c, const node *ports)
{
	_cleanup_strv_ char **list = NULL;

	for (size_t i = 0; i < compose_count(ports); i++) {
		const node *port = nvb_cdi_node_at(ports, i);
		const char *text =
			compose_text(port) ? short_port(c, compose_text(port)) : long_port(c, port);

		if (text)
			add(c, &list, text);
		else
			compose_lose(c, &c->keys, port, "ports", "it has no target");
	}
	if (list)
		compose_put_list(&c->keys, "ports", list);
}

/* { type: tmpfs } goes into a list of its own. */
static void long_volume(struct compose *c, const node *volume, char ***volumes, char ***tmpfs)
{
	const char *type = compose_text(compose_get(c, volume, "type"));
	const char *source = compose_text(compose_get(c, volume, "source"));
	const char *target = compose_text(compose_get(c, volume, "target"));
	const char *read_only = compose_text(compose_get(c, volume, "read_only"));

	if (target && type && nvb_streq(type, "tmpfs"))
		add(c, tmpfs, target);
	else if (target && source && type && (nvb_streq(type, "bind") || nvb_streq(type, "volume")))
		add(c, volumes,
			nvb_arena_printf(&c->arena, "%s:%s%s", source, target,
				read_only && nvb_streq(read_only, "true") ? ":ro" : ""));
	else
		compose_lose(c, &c->keys, volume, "volumes",
			"only bind mounts, named volumes and tmpfs are known");
}

void compose_volumes(struct compose *c, const node *volumes)
{
	_cleanup_strv_ char **list = NULL, **tmpfs = NULL;

	for (size_t i = 0; i < compose_count(volumes); i++) {
		const node *volume = nvb_cdi_node_at(volumes, i);
		const char *text = compose_text(volume);

		if (!text)
			long_volume(c, volume, &list, &tmpfs);
		else if (strchr(text, ':'))
			add(c, &list, text);
		else
			compose_lose(c, &c->keys, volume, "volumes",
				nvb_arena_printf(
					&c->arena, "'%s' has no name; give it one: NAME:%s", text, text));
	}
	if (list)
		compose_put_list(&c->keys, "volumes", list);
	if (tmpfs)
		compose_put_list(&c->keys, "tmpfs", tmpfs);
}

void compose_networks(struct compose *c, const node *networks)
{
	_cleanup_strv_ char **list = NULL;
	const node *map = compose_map(c, networks);

	for (const struct nvb_cdi_item *item = map ? map->first : networks->first; item; item = item->next) {
		const char *name = map ? item->key : compose_text(item->node);

		if (name)
			add(c, &list, name);
		if (map && item->node->type == NVB_CDI_MAP && item->node->count)
			compose_lose(c, &c->keys, item->node,
				nvb_arena_printf(&c->arena, "networks.%s", item->key),
				"a service is known by its name there, with an address of the network's "
				"choice");
	}
	c->has_network = list != NULL;
	if (list)
		compose_put_list(&c->keys, "networks", list);
}

void compose_depends(struct compose *c, const node *depends)
{
	const node *map = compose_map(c, depends);
	_cleanup_strv_ char **list = NULL;
	bool first = true;

	if (!map) {
		for (size_t i = 0; i < compose_count(depends); i++)
			if (compose_text(nvb_cdi_node_at(depends, i)))
				add(c, &list, compose_text(nvb_cdi_node_at(depends, i)));
		compose_put_list(&c->keys, "depends_on", list);
		return;
	}
	nvb_sb_add(&c->keys, "depends_on = {");
	for (const struct nvb_cdi_item *item = map->first; item; item = item->next) {
		const char *condition = compose_text(compose_get(c, item->node, "condition"));

		nvb_sb_add(&c->keys, first ? " " : ", ");
		compose_quote(&c->keys, item->key);
		nvb_sb_add(&c->keys, " = { condition = ");
		compose_quote(&c->keys, condition ? condition : "started");
		nvb_sb_add(&c->keys, " }");
		first = false;
	}
	nvb_sb_add(&c->keys, " }\n");
}

static void health_test(struct compose *c, const node *test)
{
	_cleanup_strv_ char **list = NULL;

	if (compose_text(test)) {
		compose_put(&c->tables, "test", compose_text(test));
		return;
	}
	for (size_t i = 0; i < compose_count(test); i++)
		if (compose_text(nvb_cdi_node_at(test, i)))
			add(c, &list, compose_text(nvb_cdi_node_at(test, i)));
	compose_put_list(&c->tables, "test", list);
}

void compose_health(struct compose *c, const node *health)
{
	static const char *const durations[] = {"interval", "timeout", "start_period", "start_interval"};
	const node *test = compose_get(c, health, "test");
	const char *retries = compose_text(compose_get(c, health, "retries"));
	const char *disable = compose_text(compose_get(c, health, "disable"));

	compose_header(&c->tables, "services", c->service, ".healthcheck");
	if (test)
		health_test(c, test);
	for (size_t i = 0; i < NVB_ELEMENTS(durations); i++) {
		const char *text = compose_text(compose_get(c, health, durations[i]));
		const char *amount = text ? compose_duration(c, text) : NULL;

		if (amount)
			compose_put(&c->tables, durations[i], amount);
		else if (text)
			compose_put(&c->tables, durations[i], text);
	}
	if (retries)
		compose_put(&c->tables, "retries", retries);
	if (disable && nvb_streq(disable, "true"))
		nvb_sb_add(&c->tables, "disable = true\n");
}

/* Limits and GPUs are read elsewhere. */
void compose_deploy(struct compose *c, const node *deploy)
{
	static const char *const known[] = {"resources", "replicas", "mode"};
	const node *map = compose_map(c, deploy);
	const char *replicas = compose_text(compose_get(c, deploy, "replicas"));

	if (replicas)
		compose_put(&c->keys, "replicas", replicas);
	for (const struct nvb_cdi_item *item = map ? map->first : NULL; item; item = item->next) {
		bool is_known = false;

		for (size_t i = 0; i < NVB_ELEMENTS(known); i++)
			is_known = is_known || nvb_streq(known[i], item->key);
		if (!is_known)
			compose_lose(c, &c->keys, item->node,
				nvb_arena_printf(&c->arena, "deploy.%s", item->key),
				"is for a cluster; bolt runs on one host");
	}
}

void compose_logging(struct compose *c, const node *logging)
{
	static const char *const options[] = {"max-size", "max-file"};
	const node *given = compose_get(c, logging, "options");
	const char *driver = compose_text(compose_get(c, logging, "driver"));
	bool any = false;

	if (driver && !nvb_streq(driver, "json-file") && !nvb_streq(driver, "local"))
		compose_lose(c, &c->keys, logging, "logging.driver",
			"logs are kept in files of bolt's own (bolt surge logs)");
	for (size_t i = 0; i < NVB_ELEMENTS(options); i++) {
		const char *text = compose_text(compose_get(c, given, options[i]));

		if (!text)
			continue;
		if (!any)
			compose_header(&c->tables, "services", c->service, ".logging.options");
		any = true;
		compose_put(&c->tables, options[i], text);
	}
}
