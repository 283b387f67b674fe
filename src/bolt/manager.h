/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLT_MANAGER_H
#define NVB_BOLT_MANAGER_H

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "inventory/inventory.h"
#include "nvbind/bolt.h"

/* All but the inventory is set when the manager is made and only read from then on. */
struct nvb_manager {
	struct nvb_arena arena;
	struct nvb_inventory_options host;
	const char *profiles, *bolt, *hook;
	const char *const *cdi_directories; /* or NULL */
	bool ask_nvml, strict;
	const struct nvb_log *log;

	pthread_mutex_t lock; /* guards the making of the inventory */
	struct nvb_inventory *inventory;
	const char *incompatible; /* why GPUs cannot be given; in the arena */
};

/* NVB_ERR_INVALID for a structure of options that is another library's. */
int nvb_check_size(const char *type, size_t given, size_t ours, nvb_error **err);

/* The one that is made once, however many ask at a time. */
int nvb_manager_host(nvb_manager *manager, struct nvb_inventory **inventory, nvb_error **err);

#endif
