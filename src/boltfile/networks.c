/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/networks.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "network/backend.h"

bool nvb_boltfile_has_bridges(void)
{
	_cleanup_free_ char *program = NULL;
	const struct nvb_backend *backend;

	return geteuid() == 0 && nvb_backend_choose(&backend, &program, NULL) == 0;
}

static bool says_nothing(const struct nvb_service *service)
{
	return !service->network_mode && !(service->networks && *service->networks);
}

/* A published port takes a network of its own, whatever there is of these. */
static bool has_host_network(const struct nvb_service *service)
{
	return (says_nothing(service) && !(service->ports && *service->ports)) ||
	       (service->network_mode && nvb_streq(service->network_mode, "host"));
}

static bool names_host(const struct nvb_service *service, const char *name)
{
	nvb_strv_foreach (line, service->extra_hosts) {
		const char *rest = nvb_after(*line, name);

		if (rest && (*rest == ':' || *rest == '='))
			return true;
	}
	return false;
}

/* Lists of a service lie in the file's arena. */
static int add(struct nvb_boltfile *file, char ***list, const char *item, nvb_error **err)
{
	size_t count = nvb_strv_length(*list);
	char **longer = nvb_arena_alloc(&file->arena, (count + 2) * sizeof(*longer));
	char *copy = nvb_arena_strdup(&file->arena, item);

	if (!longer || !copy)
		return nvb_fail_oom(err);
	if (count)
		memcpy(longer, *list, count * sizeof(*longer));
	longer[count] = copy;
	longer[count + 1] = NULL;
	*list = longer;
	return 0;
}

static int name_on_loopback(struct nvb_boltfile *file, struct nvb_service *service,
	const struct nvb_service *other, nvb_error **err)
{
	_cleanup_free_ char *line = NULL;

	if (other == service || !has_host_network(other) || names_host(service, other->name))
		return 0;
	if (asprintf(&line, "%s:127.0.0.1", other->name) < 0) {
		line = NULL;
		return nvb_fail_oom(err);
	}
	return add(file, &service->extra_hosts, line, err);
}

int nvb_boltfile_settle_networks(struct nvb_boltfile *file, bool bridges, nvb_error **err)
{
	int rc = 0;

	if (file->service_count < 2)
		return 0;
	for (size_t i = 0; rc == 0 && i < file->service_count; i++) {
		struct nvb_service *service = &file->services[i];

		if (bridges && says_nothing(service)) {
			rc = add(file, &service->networks, "default", err);
			continue;
		}
		for (size_t n = 0;
			rc == 0 && !bridges && has_host_network(service) && n < file->service_count; n++)
			rc = name_on_loopback(file, service, &file->services[n], err);
	}
	return rc;
}
