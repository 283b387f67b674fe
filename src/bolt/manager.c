/* SPDX-License-Identifier: Apache-2.0 */
#include "bolt/manager.h"

#include <config.h> /* the build's */
#include <string.h>

#include "base/log.h"

int nvb_check_size(const char *type, size_t given, size_t ours, nvb_error **err)
{
	if (given == ours)
		return 0;
	return nvb_fail(err, NVB_ERR_INVALID, "%s.size is %zu, this library's is %zu", type, given, ours);
}

/* A copy that lives as long as the manager; NULL stays NULL. *ok becomes false without memory. */
static const char *keep(struct nvb_manager *manager, const char *text, bool *ok)
{
	const char *copy = text ? nvb_arena_strdup(&manager->arena, text) : NULL;

	*ok = *ok && (!text || copy);
	return copy;
}

static const char *const *keep_list(struct nvb_manager *manager, const char *const *list, bool *ok)
{
	size_t count = 0;
	const char **copy;

	if (!list)
		return NULL;
	while (list[count])
		count++;
	copy = nvb_arena_alloc(&manager->arena, (count + 1) * sizeof(*copy));
	if (!copy) {
		*ok = false;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		copy[i] = keep(manager, list[i], ok);
	return copy;
}

static bool take_host(struct nvb_manager *manager, const struct nvb_inventory_options *from)
{
	struct nvb_inventory_options *host = &manager->host;
	bool ok = true;

	*host = (struct nvb_inventory_options){.size = sizeof(*host), .log = manager->log};
	if (!from)
		return true;
	host->root = keep(manager, from->root, &ok);
	host->driver_root = keep(manager, from->driver_root, &ok);
	host->dev_root = keep(manager, from->dev_root, &ok);
	host->proc_root = keep(manager, from->proc_root, &ok);
	host->sys_root = keep(manager, from->sys_root, &ok);
	host->library_path = keep_list(manager, from->library_path, &ok);
	host->cache_directory = keep(manager, from->cache_directory, &ok);
	host->no_cache = from->no_cache;
	if (from->log)
		host->log = from->log;
	return ok;
}

int nvb_manager_new(const struct nvb_bolt_config *config, nvb_manager **out, nvb_error **err)
{
	static const struct nvb_bolt_config defaults = {.size = sizeof(defaults)};
	struct nvb_manager *manager;
	bool ok = true;
	int rc;

	if (!config)
		config = &defaults;
	rc = nvb_check_size("nvb_bolt_config", config->size, sizeof(*config), err);
	if (rc == 0 && config->inventory)
		rc = nvb_check_size(
			"nvb_inventory_options", config->inventory->size, sizeof(*config->inventory), err);
	if (rc < 0)
		return rc;
	manager = calloc(1, sizeof(*manager));
	if (!manager)
		return nvb_fail_oom(err);
	manager->log = config->log;
	manager->ask_nvml = config->ask_nvml;
	manager->strict = config->strict;
	manager->profiles =
		keep(manager, config->profiles ? config->profiles : NVB_DATADIR "/profiles.d", &ok);
	manager->bolt = keep(manager, config->bolt ? config->bolt : NVB_BINDIR "/bolt", &ok);
	manager->hook = keep(manager, config->hook, &ok);
	manager->cdi_directories = keep_list(manager, config->cdi_directories, &ok);
	ok = take_host(manager, config->inventory) && ok;
	if (!ok) {
		nvb_arena_release(&manager->arena);
		free(manager);
		return nvb_fail_oom(err);
	}
	pthread_mutex_init(&manager->lock, NULL); /* of a default mutex it cannot fail (glibc) */
	*out = manager;
	return 0;
}

int nvb_manager_new_default(nvb_manager **manager, nvb_error **err)
{
	return nvb_manager_new(NULL, manager, err);
}

void nvb_manager_free(nvb_manager *manager)
{
	if (!manager)
		return;
	nvb_inventory_free(manager->inventory);
	pthread_mutex_destroy(&manager->lock);
	nvb_arena_release(&manager->arena);
	free(manager);
}

static int load(nvb_manager *manager, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_inventory *inventory;
	int rc = nvb_inventory_load(&manager->host, &inventory, err);

	if (rc < 0)
		return rc;
	if (manager->ask_nvml && inventory->gpu_count) {
		rc = nvb_inventory_ask_nvml(inventory, manager->log, &why);
		/* What is not known stays unknown; no GPU is less usable for it. */
		if (rc < 0 && rc != -NVB_ERR_NO_MEMORY)
			nvb_warning(manager->log, "NVML does not tell more about the GPUs: %s",
				nvb_error_message(why));
		if (rc == -NVB_ERR_NO_MEMORY) {
			nvb_inventory_free(inventory);
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
	}
	manager->inventory = inventory;
	return 0;
}

int nvb_manager_host(nvb_manager *manager, struct nvb_inventory **inventory, nvb_error **err)
{
	int rc = 0;

	pthread_mutex_lock(&manager->lock);
	if (!manager->inventory)
		rc = load(manager, err);
	if (rc == 0)
		*inventory = manager->inventory;
	pthread_mutex_unlock(&manager->lock);
	return rc;
}

int nvb_manager_inventory(nvb_manager *manager, const nvb_inventory **inventory, nvb_error **err)
{
	struct nvb_inventory *host;
	int rc = nvb_manager_host(manager, &host, err);

	if (rc == 0)
		*inventory = host;
	return rc;
}

int nvb_manager_gpus(nvb_manager *manager, struct nvb_gpu_info **out, size_t *count, nvb_error **err)
{
	_cleanup_free_ struct nvb_gpu_info *gpus = NULL;
	const nvb_inventory *inventory;
	int rc = nvb_manager_inventory(manager, &inventory, err);
	size_t n;

	if (rc < 0)
		return rc;
	n = nvb_inventory_gpu_count(inventory);
	gpus = n ? calloc(n, sizeof(*gpus)) : NULL;
	if (n && !gpus)
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		gpus[i].size = sizeof(gpus[i]);
		rc = nvb_inventory_gpu(inventory, i, &gpus[i], err);
	}
	if (rc < 0)
		return rc;
	*out = NVB_TAKE_PTR(gpus);
	*count = n;
	return 0;
}
