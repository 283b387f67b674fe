/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/order.h"
#include "network/port.h"

#define FIELD(name) offsetof(struct nvb_service, name)

/* The element of the list that was given for a field: its own place, rather than the list's. */
static const struct nvb_toml_value *element(const struct nvb_service *service, size_t field, size_t index)
{
	const struct nvb_toml_value *v = NULL;

	for (size_t i = 0; i < service->given_count; i++)
		if (service->given[i].offset == field)
			v = service->given[i].value;
	for (v = nvb_toml_first(v); v && index; index--)
		v = v->next;
	return v ? v : service->value;
}

static int hint_nearest(
	struct boltfile_reader *r, int rc, const char *name, const char *const *names, size_t count)
{
	const char *nearest = nvb_nearest(name, names, count);

	return nearest ? nvb_hint(r->err, rc, "did you mean '%s'?", nearest) : rc;
}

static int check_dependency(
	struct boltfile_reader *r, const struct nvb_service *service, const char *word, size_t index)
{
	const struct nvb_boltfile *file = r->file;
	const struct nvb_toml_value *at = element(service, FIELD(depends_on), index);
	_cleanup_free_ char *name = strndup(word, strcspn(word, ":"));
	_cleanup_free_ const char **names = calloc(file->service_count, sizeof(*names));
	struct nvb_dependency found;
	int rc;

	if (nvb_dependency_parse(file, word, &found))
		return 0;
	if (!name || !names)
		return nvb_fail_oom(r->err);
	for (size_t i = 0; i < file->service_count; i++)
		names[i] = file->services[i].name;
	rc = nvb_toml_fail_key(&file->doc, at, r->err,
		"service '%s' depends on '%s', which is no service of this file", service->name, name);
	return hint_nearest(r, rc, name, names, file->service_count);
}

static int check_dependencies(struct boltfile_reader *r)
{
	const struct nvb_service *at = NULL;
	const char *circle;
	bool failed;
	int rc;

	for (size_t i = 0; i < r->file->service_count; i++) {
		const struct nvb_service *service = &r->file->services[i];
		size_t index = 0;

		nvb_strv_foreach (word, service->depends_on) {
			rc = check_dependency(r, service, *word, index++);
			if (rc < 0)
				return rc;
		}
	}
	circle = nvb_boltfile_circle(r->file, &r->file->arena, &at, &failed);
	if (failed)
		return nvb_fail_oom(r->err);
	return circle ? nvb_service_fail(r->file, at, FIELD(depends_on), r->err,
				"depends_on leads in a circle: %s", circle)
		      : 0;
}

/* A part that the file must name, as a volume or a network. */
static int check_part(struct boltfile_reader *r, const struct nvb_toml_value *at, const char *name,
	const struct nvb_boltfile_parts *parts, const char *kind)
{
	_cleanup_free_ const char **names = calloc(parts->count + 1, sizeof(*names));
	const char *nearest;
	int rc;

	if (!names)
		return nvb_fail_oom(r->err);
	for (size_t i = 0; i < parts->count; i++) {
		if (nvb_streq(parts->list[i].name, name))
			return 0;
		names[i] = parts->list[i].name;
	}
	rc = nvb_toml_fail(&r->file->doc, at, r->err, "'%s' is no %s of this file", name, kind);
	nearest = nvb_nearest(name, names, parts->count);
	if (nearest)
		return nvb_hint(r->err, rc, "did you mean '%s'?", nearest);
	return nvb_streq(kind, "volume")
		       ? nvb_hint(r->err, rc, "[volumes.%s] makes it one; a path begins with / or ./", name)
		       : nvb_hint(r->err, rc, "[networks.%s] makes it one", name);
}

static int check_volumes(struct boltfile_reader *r, const struct nvb_service *service)
{
	size_t index = 0;

	nvb_strv_foreach (volume, service->volumes) {
		const struct nvb_toml_value *at = element(service, FIELD(volumes), index++);
		_cleanup_free_ char *source = strndup(*volume, strcspn(*volume, ":"));
		int rc;

		if (!source)
			return nvb_fail_oom(r->err);
		if (*source == '/')
			continue;
		rc = check_part(r, at, source, &r->file->volumes, "volume");
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_networks(struct boltfile_reader *r, const struct nvb_service *service)
{
	static const char *const modes[] = {"host", "none", "bridge"};
	const char *mode = service->network_mode;
	size_t index = 0;
	bool known = !mode;
	int rc;

	for (size_t i = 0; mode && i < NVB_ELEMENTS(modes); i++)
		known = known || nvb_streq(mode, modes[i]);
	if (!known)
		return nvb_hint(r->err,
			nvb_service_fail(r->file, service, FIELD(network_mode), r->err,
				"there is no network_mode '%s'", mode),
			"host, none or bridge; networks of the file stand in 'networks'");
	if (mode && service->networks && *service->networks)
		return nvb_service_fail(r->file, service, FIELD(networks), r->err,
			"'networks' and 'network_mode' exclude each other");
	if (mode && !nvb_streq(mode, "bridge") && service->ports && *service->ports)
		return nvb_hint(r->err,
			nvb_service_fail(r->file, service, FIELD(ports), r->err,
				"ports cannot be given on the network '%s'", mode),
			nvb_streq(mode, "host")
				? "on the host's network every port is the host's; leave 'ports' out"
				: "leave 'network_mode' out");
	nvb_strv_foreach (name, service->networks) {
		const struct nvb_toml_value *at = element(service, FIELD(networks), index++);

		if (nvb_streq(*name, "default"))
			continue;
		rc = check_part(r, at, *name, &r->file->networks, "network");
		if (rc < 0)
			return rc;
	}
	return 0;
}

struct used_port {
	struct nvb_port port;
	const struct nvb_service *service;
	unsigned line;
};

static int compare_ports(const void *a, const void *b)
{
	const struct used_port *x = a, *y = b;
	int order;

	if (x->port.udp != y->port.udp)
		return x->port.udp ? 1 : -1;
	if (x->port.host != y->port.host)
		return x->port.host < y->port.host ? -1 : 1;
	order = strcmp(x->port.address, y->port.address);
	if (order)
		return order;
	return x->line < y->line ? -1 : x->line > y->line;
}

static bool same_port(const struct used_port *a, const struct used_port *b)
{
	return a->port.udp == b->port.udp && a->port.host == b->port.host;
}

enum { MOST_PORTS = 1 << 18 };

struct used_ports {
	struct used_port *list;
	size_t count, capacity;
};

static int add_ports(struct boltfile_reader *r, const struct nvb_service *service, struct used_ports *used)
{
	size_t index = 0;

	nvb_strv_foreach (text, service->ports) {
		const struct nvb_toml_value *at = element(service, FIELD(ports), index++);
		struct nvb_port_range range;
		int rc = nvb_port_parse(*text, &range, r->err);

		if (rc < 0)
			return rc;
		for (unsigned i = 0; range.first.host && i < range.count; i++) {
			struct used_port port = {range.first, service, at->line};

			if (used->count == MOST_PORTS)
				return nvb_toml_fail(&r->file->doc, at, r->err,
					"more than %d ports are published", (int)MOST_PORTS);
			port.port.host = (uint16_t)(range.first.host + i);
			if (!NVB_GROW(used->list, used->count, used->capacity))
				return nvb_fail_oom(r->err);
			used->list[used->count++] = port;
		}
	}
	return 0;
}

static int fail_port(struct boltfile_reader *r, const struct used_port *a, const struct used_port *b)
{
	const struct used_port *first = a->line <= b->line ? a : b, *second = first == a ? b : a;

	return nvb_service_fail(r->file, second->service, FIELD(ports), r->err,
		"port %u of the host is given to '%s' already (line %u)", second->port.host,
		first->service->name, first->line);
}

/* Ports of the same number meet unless their addresses differ; "" is all addresses, and sorts first. */
static int check_ports(struct boltfile_reader *r)
{
	struct used_ports used = {0};
	size_t group = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->file->service_count; i++)
		rc = add_ports(r, &r->file->services[i], &used);
	if (rc == 0 && used.count)
		qsort(used.list, used.count, sizeof(*used.list), compare_ports);
	for (size_t i = 1; rc == 0 && i < used.count; i++) {
		if (!same_port(&used.list[group], &used.list[i]))
			group = i;
		else if (!*used.list[group].port.address)
			rc = fail_port(r, &used.list[group], &used.list[i]);
		else if (nvb_streq(used.list[i].port.address, used.list[i - 1].port.address))
			rc = fail_port(r, &used.list[i - 1], &used.list[i]);
	}
	free(used.list);
	return rc;
}

static bool is_restart(const char *word)
{
	const char *times = nvb_after(word, "on-failure:");
	uint32_t number;

	return nvb_streq(word, "no") || nvb_streq(word, "always") || nvb_streq(word, "unless-stopped") ||
	       nvb_streq(word, "on-failure") || (times && nvb_parse_u32(times, &number) && number > 0);
}

static int check_replicas(struct boltfile_reader *r, const struct nvb_service *service)
{
	if (!service->replicas || strtoul(service->replicas, NULL, 10) < 2)
		return 0;
	if (service->container_name)
		return nvb_service_fail(r->file, service, FIELD(container_name), r->err,
			"%s replicas cannot all have one name", service->replicas);
	nvb_strv_foreach (text, service->ports) {
		struct nvb_port_range range;

		if (nvb_port_parse(*text, &range, NULL) == 0 && range.first.host)
			return nvb_hint(r->err,
				nvb_service_fail(r->file, service, FIELD(ports), r->err,
					"%s replicas cannot all have port %u of the host", service->replicas,
					range.first.host),
				"\":%u\" gives each of them a port that is free", range.first.container);
	}
	return 0;
}

/* An image, and words that other modules' parsers would refuse only when the service starts. */
static int check_service(struct boltfile_reader *r, const struct nvb_service *service)
{
	int rc;

	if (!service->image)
		return nvb_hint(r->err,
			nvb_toml_fail_key(&r->file->doc, service->value, r->err,
				"service '%s' names no image", service->name),
			nvb_toml_get(service->value, "build")
				? "bolt builds no images: build it, then image = \"NAME:TAG\""
				: "capsule = \"NAME:TAG\", or image = ...");
	if (service->restart && !is_restart(service->restart))
		return nvb_hint(r->err,
			nvb_service_fail(r->file, service, FIELD(restart), r->err,
				"'restart': there is no policy '%s'", service->restart),
			"no, always, on-failure[:TIMES] or unless-stopped");
	rc = check_volumes(r, service);
	if (rc == 0)
		rc = check_networks(r, service);
	return rc < 0 ? rc : check_replicas(r, service);
}

static int note_field(struct boltfile_reader *r, const struct nvb_boltfile_given *given, size_t count,
	size_t field, const char *what, const char *why)
{
	for (size_t i = 0; i < count; i++)
		if (given[i].offset == field)
			return nvb_boltfile_note(r, given[i].value->key_line, given[i].value->key_column,
				"%s has no effect: %s", what, why);
	return 0;
}

/* Keys that have an effect only beside others. */
static int note_lonely(struct boltfile_reader *r, struct nvb_service *service)
{
	static const struct {
		size_t field;
		const char *key;
	} of_gpus[] = {{FIELD(game.audio), "gaming.audio.system"},
		{FIELD(game.nice), "gaming.performance.nice_level"}};
	int rc = 0;

	for (size_t i = 0; rc == 0 && !service->gpu_asked && i < NVB_ELEMENTS(of_gpus); i++)
		rc = note_field(r, service->given, service->given_count, of_gpus[i].field, of_gpus[i].key,
			"it comes with GPUs, and this service has no table 'gpu'");
	if (!service->gpu_asked)
		service->game.audio = service->game.nice = NULL;
	return rc;
}

static int note_drivers(struct boltfile_reader *r, const struct nvb_boltfile_parts *parts,
	const char *const *known, const char *what, const char *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < parts->count; i++) {
		struct nvb_boltfile_part *part = &parts->list[i];
		bool is_known = !part->driver;

		for (const char *const *name = known; *name; name++)
			is_known = is_known || nvb_streq(part->driver, *name);
		if (is_known)
			continue;
		part->driver = NULL;
		rc = note_field(r, part->given, part->given_count, offsetof(struct nvb_boltfile_part, driver),
			what, why);
	}
	return rc;
}

static int note_all(struct boltfile_reader *r)
{
	static const char *const bridges[] = {"bridge", "bolt", "default", NULL}, *const local[] = {
											  "local", NULL};
	int rc = note_drivers(r, &r->file->networks, bridges, "a network's driver", "networks are bridges");

	if (rc == 0)
		rc = note_drivers(r, &r->file->volumes, local, "a volume's driver",
			"volumes are directories of the host");
	for (size_t i = 0; rc == 0 && i < r->file->service_count; i++)
		rc = note_lonely(r, &r->file->services[i]);
	return rc;
}

/* What a GPU service gets when it does not say. */
static int fill_defaults(struct boltfile_reader *r, struct nvb_service *service)
{
	struct boltfile_list all = {0};
	struct nvb_service_gpu *gpu = &service->gpu;

	if (!service->gpu_asked)
		return 0;
	if (!gpu->runtime)
		gpu->runtime = "nvbind";
	if (!gpu->driver)
		gpu->driver = "auto";
	if (!gpu->isolation)
		gpu->isolation = "shared";
	if (gpu->devices)
		return 0;
	return nvb_boltfile_append(r, &all, "gpu:all") < 0 ? -NVB_ERR_NO_MEMORY
							   : nvb_boltfile_finish(r, &all, &gpu->devices);
}

int nvb_boltfile_check(struct boltfile_reader *r)
{
	struct nvb_boltfile *file = r->file;
	int rc = 0;

	if (!file->service_count)
		return nvb_hint(r->err,
			nvb_fail(r->err, NVB_ERR_INVALID, "%s: there is no service in it", file->doc.file),
			"[services.NAME] with capsule = \"IMAGE\"");
	for (size_t i = 0; rc == 0 && i < file->service_count; i++) {
		rc = check_service(r, &file->services[i]);
		if (rc == 0)
			rc = fill_defaults(r, &file->services[i]);
	}
	if (rc == 0)
		rc = check_dependencies(r);
	if (rc == 0)
		rc = check_ports(r);
	return rc < 0 ? rc : note_all(r);
}
