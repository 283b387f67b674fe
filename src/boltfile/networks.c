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

static int name_on_loopback(struct nvb_service *service, const struct nvb_service *other, nvb_error **err)
{
	_cleanup_free_ char *line = NULL;

	if (other == service || !has_host_network(other) || names_host(service, other->name))
		return 0;
	if (asprintf(&line, "%s:127.0.0.1", other->name) < 0) {
		line = NULL;
		return nvb_fail_oom(err);
	}
	return nvb_strv_add(&service->extra_hosts, line) ? 0 : nvb_fail_oom(err);
}

int nvb_boltfile_settle_networks(struct nvb_boltfile *file, bool bridges, nvb_error **err)
{
	int rc = 0;

	if (file->service_count < 2)
		return 0;
	for (size_t i = 0; rc == 0 && i < file->service_count; i++) {
		struct nvb_service *service = &file->services[i];

		if (bridges && says_nothing(service)) {
			rc = nvb_strv_add(&service->networks, "default") ? 0 : nvb_fail_oom(err);
			continue;
		}
		for (size_t n = 0;
			rc == 0 && !bridges && has_host_network(service) && n < file->service_count; n++)
			rc = name_on_loopback(service, &file->services[n], err);
	}
	return rc;
}
