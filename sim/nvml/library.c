/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "sim/mig.h"

/* NVML's interface has one library state per process, counted by nvmlInit and nvmlShutdown. */
static struct {
	pthread_mutex_t lock;
	uint32_t users;
	struct sim_client client;
	uint32_t count;
	uint32_t visible[SIM_GPU_MAX];
} library = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char gpu_places[SIM_GPU_MAX];
static char mig_places[SIM_GPU_MAX][LIB_GI_IDS][SIM_CI_MAX];
static char gi_places[SIM_GPU_MAX][LIB_GI_IDS];
static char ci_places[SIM_GPU_MAX][LIB_GI_IDS][SIM_CI_MAX];

nvml_device device_of_gpu(uint32_t gpu)
{
	return (nvml_device)(void *)&gpu_places[gpu];
}

nvml_device device_of_mig(uint32_t gpu, uint32_t gi, uint32_t ci)
{
	return (nvml_device)(void *)&mig_places[gpu][gi][ci];
}

nvml_gpu_instance instance_of(uint32_t gpu, uint32_t gi)
{
	return (nvml_gpu_instance)(void *)&gi_places[gpu][gi];
}

nvml_compute_instance compute_of(uint32_t gpu, uint32_t gi, uint32_t ci)
{
	return (nvml_compute_instance)(void *)&ci_places[gpu][gi][ci];
}

/* Offset of a handle in an array of places; false when it lies outside. */
static bool place_in(const void *handle, const void *places, size_t size, size_t *offset)
{
	*offset = (size_t)((uintptr_t)handle - (uintptr_t)places);
	return *offset < size;
}

static struct ref ref_at(size_t offset)
{
	return (struct ref){
		.gpu = (uint32_t)(offset / (LIB_GI_IDS * SIM_CI_MAX)),
		.mig = true,
		.gi = (uint32_t)(offset / SIM_CI_MAX % LIB_GI_IDS),
		.ci = (uint32_t)(offset % SIM_CI_MAX),
	};
}

bool device_ref(nvml_device device, struct ref *ref)
{
	size_t offset;

	if (place_in(device, gpu_places, sizeof(gpu_places), &offset)) {
		*ref = (struct ref){.gpu = (uint32_t)offset, .gi = NVML_NO_INSTANCE, .ci = NVML_NO_INSTANCE};
		return true;
	}
	if (!place_in(device, mig_places, sizeof(mig_places), &offset))
		return false;
	*ref = ref_at(offset);
	return true;
}

bool instance_ref(nvml_gpu_instance instance, struct ref *ref)
{
	size_t offset;

	if (!place_in(instance, gi_places, sizeof(gi_places), &offset))
		return false;
	*ref = (struct ref){.gpu = (uint32_t)(offset / LIB_GI_IDS),
		.gi = (uint32_t)(offset % LIB_GI_IDS),
		.ci = NVML_NO_INSTANCE};
	return true;
}

bool compute_ref(nvml_compute_instance instance, struct ref *ref)
{
	size_t offset;

	if (!place_in(instance, ci_places, sizeof(ci_places), &offset))
		return false;
	*ref = ref_at(offset);
	return true;
}

static void wait_us(uint32_t us)
{
	struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static nvml_return fault_return(uint32_t faults)
{
	if (faults & (SIM_FAULT_LOST | SIM_FAULT_OFF_BUS))
		return NVML_GPU_IS_LOST;
	if (faults & SIM_FAULT_RESET)
		return NVML_RESET_REQUIRED;
	if (faults & SIM_FAULT_POWER)
		return NVML_INSUFFICIENT_POWER;
	if (faults & SIM_FAULT_IRQ)
		return NVML_IRQ_ISSUE;
	return faults & SIM_FAULT_HANG ? NVML_TIMEOUT : NVML_OK;
}

nvml_return enter_machine(struct sim_machine *machine)
{
	if (!__atomic_load_n(&library.users, __ATOMIC_ACQUIRE))
		return NVML_UNINITIALIZED;
	sim_read_machine(library.client.map.state, machine);
	return NVML_OK;
}

nvml_return peek_machine(struct sim_machine *machine)
{
	struct sim_client client;

	if (enter_machine(machine) == NVML_OK)
		return NVML_OK;
	if (sim_client_attach(&library, SIM_CLIENT_NVML, &client) < 0)
		return NVML_DRIVER_NOT_LOADED;
	sim_read_machine(client.map.state, machine);
	sim_client_detach(&client);
	return NVML_OK;
}

nvml_return enter_gpu(const struct ref *ref, struct sim_gpu *gpu)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (visible_index(ref->gpu) == UINT32_MAX)
		return NVML_INVALID_ARGUMENT;
	sim_read_gpu(library.client.map.state, ref->gpu, gpu);
	if (machine.flags & SIM_MACHINE_VARY)
		vary(&machine, ref->gpu, gpu, sim_now());
	if (gpu->call_delay_us)
		wait_us(gpu->call_delay_us);
	return fault_return(gpu->faults);
}

nvml_return enter(nvml_device device, unsigned kinds, struct sim_gpu *gpu, struct ref *ref)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!device_ref(device, ref))
		return NVML_INVALID_ARGUMENT;
	rc = enter_gpu(ref, gpu);
	if (rc != NVML_OK)
		return rc;
	if (ref->mig) {
		struct sim_gpu_instance *gi = sim_find_gi(gpu, ref->gi);
		if (!gpu->mig.mode || !gi || !sim_find_ci(gi, ref->ci))
			return NVML_NOT_FOUND;
	}
	return kinds & (ref->mig ? FOR_MIG : FOR_GPU) ? NVML_OK : NVML_NOT_SUPPORTED;
}

nvml_return request_change(struct sim_change change, uint32_t *result)
{
	uint32_t ignored;

	pthread_mutex_lock(&library.lock);
	uint32_t rc = library.users ? sim_client_change(&library.client, &change, result ? result : &ignored)
				    : NVML_UNINITIALIZED;
	pthread_mutex_unlock(&library.lock);
	return (nvml_return)rc;
}

nvml_return change_device(nvml_device device, uint32_t kind, uint32_t a, uint32_t b)
{
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_GPU, &gpu, &ref);

	if (rc != NVML_OK)
		return rc;
	return request_change((struct sim_change){.kind = kind, .gpu = ref.gpu, .a = a, .b = b}, NULL);
}

uint32_t visible_count(void)
{
	return library.count;
}

uint32_t visible_gpu(uint32_t n)
{
	return library.visible[n];
}

uint32_t visible_index(uint32_t gpu)
{
	for (uint32_t i = 0; i < library.count; i++)
		if (library.visible[i] == gpu)
			return i;
	return UINT32_MAX;
}

bool visible_mig(const struct sim_gpu *gpu, uint32_t gi, uint32_t ci)
{
	char node[64];

	snprintf(node, sizeof(node), "nvidia-caps/nvidia-cap%u", sim_cap_gi(gpu->minor, gi));
	if (sim_client_node(library.client.root, node) < 0)
		return false;
	snprintf(node, sizeof(node), "nvidia-caps/nvidia-cap%u", sim_cap_ci(gpu->minor, gi, ci));
	return sim_client_node(library.client.root, node) == 0;
}

const struct sim_state *library_state(void)
{
	return library.client.map.state;
}

const char *library_root(void)
{
	return library.client.root;
}

nvml_return give_string(const char *s, char *buffer, uint32_t size)
{
	size_t n = strlen(s) + 1;

	if (!buffer)
		return NVML_INVALID_ARGUMENT;
	if (n > size)
		return NVML_INSUFFICIENT_SIZE;
	memcpy(buffer, s, n);
	return NVML_OK;
}

bool give_room(uint32_t have, uint32_t *count, const void *buffer, nvml_return *rc)
{
	if (!count) {
		*rc = NVML_INVALID_ARGUMENT;
		return false;
	}
	uint32_t room = *count;
	if (have > room) {
		*count = have;
		*rc = NVML_INSUFFICIENT_SIZE;
		return false;
	}
	if (have && !buffer) {
		*rc = NVML_INVALID_ARGUMENT;
		return false;
	}
	*count = have;
	*rc = NVML_OK;
	return true;
}

/* Where the driver's own control node says no, nvmlInit fails: with these codes in life. */
static nvml_return control_return(int rc)
{
	switch (rc) {
	case 0:
		return NVML_OK;
	case -ENOENT:
		return NVML_DRIVER_NOT_LOADED;
	case -EACCES:
		return NVML_NO_PERMISSION;
	default:
		return NVML_UNKNOWN; /* EPERM from the device cgroup */
	}
}

static void find_visible(const struct sim_machine *machine)
{
	uint32_t delay = 0;

	library.count = 0;
	for (uint32_t i = 0; i < machine->gpu_count && i < SIM_GPU_MAX; i++) {
		struct sim_gpu gpu;
		char node[32] = "dxg"; /* WSL has one node for all GPUs */

		sim_read_gpu(library.client.map.state, i, &gpu);
		if (!(machine->flags & SIM_MACHINE_WSL))
			snprintf(node, sizeof(node), "nvidia%u", gpu.minor);
		if (gpu.faults & SIM_FAULT_OFF_BUS || sim_client_node(library.client.root, node) < 0)
			continue;
		library.visible[library.count++] = i;
		if (!gpu.persistence)
			delay += gpu.open_delay_us;
	}
	if (machine->flags & SIM_MACHINE_LATENCY)
		wait_us(machine->init_delay_us + delay);
}

static nvml_return attach(uint32_t flags)
{
	struct sim_machine machine;

	if (sim_client_attach(&library, SIM_CLIENT_NVML, &library.client) < 0)
		return NVML_DRIVER_NOT_LOADED;
	sim_read_machine(library.client.map.state, &machine);
	nvml_return rc = NVML_OK;
	if (!machine.module_version[0])
		rc = NVML_DRIVER_NOT_LOADED;
	else if (strcmp(machine.module_version, machine.driver_version) != 0)
		rc = NVML_LIB_RM_VERSION_MISMATCH;
	else if (!(machine.flags & SIM_MACHINE_WSL))
		rc = control_return(sim_client_node(library.client.root, "nvidiactl"));
	if (rc == NVML_OK)
		find_visible(&machine);
	if (rc == NVML_OK && !library.count && !(flags & NVML_INIT_NO_GPUS) && !machine.gpu_count)
		rc = NVML_DRIVER_NOT_LOADED;
	if (rc != NVML_OK)
		sim_client_detach(&library.client);
	return rc;
}

API(nvmlInitWithFlags, uint32_t flags)
{
	nvml_return rc = NVML_OK;

	pthread_mutex_lock(&library.lock);
	if (!library.users)
		rc = attach(flags);
	if (rc == NVML_OK)
		__atomic_add_fetch(&library.users, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&library.lock);
	return rc;
}

API(nvmlInit_v2, void)
{
	return nvmlInitWithFlags(0);
}

API(nvmlInit, void)
{
	return nvmlInitWithFlags(0);
}

API(nvmlShutdown, void)
{
	nvml_return rc = NVML_OK;

	pthread_mutex_lock(&library.lock);
	if (!library.users)
		rc = NVML_UNINITIALIZED;
	else if (!__atomic_sub_fetch(&library.users, 1, __ATOMIC_ACQ_REL))
		sim_client_detach(&library.client);
	pthread_mutex_unlock(&library.lock);
	return rc;
}
