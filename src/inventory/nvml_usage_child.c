/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "inventory/nvml_abi.h"
#include "inventory/nvml_usage.h"

/* The child's side: nothing here runs in the caller's process. */

/* MIG devices have lists of their own, but a GPU's names their processes as well. Versions 2 and 3 of the
 * functions have the same layout; source: NVML API reference, nvmlProcessInfo_t. */
static const char *const lists[] = {"nvmlDeviceGetComputeRunningProcesses",
	"nvmlDeviceGetGraphicsRunningProcesses", "nvmlDeviceGetMPSComputeRunningProcesses"};

typedef nvml_return list_function(nvml_device, uint32_t *, nvml_process_info *);

struct asker {
	list_function *list[3];
	nvml_return (*handle)(uint32_t, nvml_device *);
	uint32_t gpus;
	int out;
	bool ok;
};

static list_function *find_list(void *library, const char *name)
{
	char versioned[80];
	void *found = NULL;

	for (int version = 3; !found && version >= 2; version--) {
		snprintf(versioned, sizeof(versioned), "%s_v%d", name, version);
		found = dlsym(library, versioned);
	}
	return (list_function *)found;
}

static bool begin(struct asker *a, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	nvml_return (*init)(void);
	nvml_return (*count)(uint32_t *);

	if (!library)
		return false;
	*(void **)&init = dlsym(library, "nvmlInit_v2");
	*(void **)&count = dlsym(library, "nvmlDeviceGetCount_v2");
	*(void **)&a->handle = dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
	for (int i = 0; i < 3; i++)
		a->list[i] = find_list(library, lists[i]);
	return init && count && a->handle && init() == NVML_OK && count(&a->gpus) == NVML_OK;
}

static void say(struct asker *a, const struct nvb_gpu_use *use)
{
	a->ok = a->ok && nvb_write_all(a->out, use, sizeof(*use)) == 0;
}

static void ask_list(struct asker *a, list_function *list, nvml_device device, uint32_t gpu)
{
	enum { MOST = 4096 };
	static nvml_process_info infos[MOST];
	uint32_t count = MOST;

	if (!list || list(device, &count, infos) != NVML_OK)
		return;
	for (uint32_t i = 0; i < count && i < MOST; i++)
		if (infos[i].pid)
			say(a, &(struct nvb_gpu_use){
				       .pid = infos[i].pid, .gpu = gpu, .memory = infos[i].memory});
}

int nvb_nvml_usage_child(const char *library, int in, int out)
{
	struct asker a = {.out = out, .ok = true};
	char question;

	if (!begin(&a, library))
		return 1;
	while (a.ok && read(in, &question, 1) == 1) {
		for (uint32_t i = 0; i < a.gpus; i++) {
			nvml_device device = NULL;

			if (a.handle(i, &device) != NVML_OK)
				continue;
			for (int l = 0; l < 3; l++)
				ask_list(&a, a.list[l], device, i);
		}
		say(&a, &(struct nvb_gpu_use){0});
	}
	return 0;
}
