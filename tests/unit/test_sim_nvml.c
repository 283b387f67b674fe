/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inventory/nvml_abi.h"
#include "sim_machine.h"

/*
 * The simulated NVML as a program meets it: loaded by dlopen from a machine's directory, without a daemon.
 * Each test has a machine of its own.
 */
struct fixture {
	struct sim_machine_dir dir;
	void *library;
};

static const char *library_path; /* argv[1]: the built libnvidia-ml.so.1 */

/* CALL(f, name, args): the function of that name. Without a prototype, so arguments are written as what they
 * must be (0u, UINT64_C(0)). */
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#define CALL(f, name, ...) ((nvml_return(*)())need((f), #name))(__VA_ARGS__)

static void *need(const struct fixture *f, const char *name)
{
	void *symbol = dlsym(f->library, name);

	if (!symbol)
		fail_msg("%s is not exported", name);
	return symbol;
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	if (!sim_machine_make(&fixture.dir, library_path))
		return -1;
	fixture.library = dlopen(fixture.dir.library, RTLD_NOW | RTLD_LOCAL);
	*state = &fixture;
	return fixture.library ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dlclose(f->library);
	sim_machine_remove(&f->dir);
	return 0;
}

static nvml_device device(struct fixture *f, uint32_t index)
{
	nvml_device found = NULL;

	assert_int_equal(CALL(f, nvmlDeviceGetHandleByIndex_v2, index, &found), NVML_OK);
	assert_non_null(found);
	return found;
}

/* Edits a GPU of the machine. */
#define EDIT(f, index, ...)                                                  \
	do {                                                                 \
		assert_int_equal(sim_lock(&(f)->dir.map), 0);                \
		struct sim_gpu *gpu = sim_draft_gpu(&(f)->dir.map, (index)); \
		__VA_ARGS__;                                                 \
		sim_publish_gpu(&(f)->dir.map, (index));                     \
		sim_unlock(&(f)->dir.map);                                   \
	} while (0)

static void nothing_works_before_init(void **state)
{
	struct fixture *f = *state;
	uint32_t count = 77;
	char text[96];

	assert_int_equal(CALL(f, nvmlDeviceGetCount_v2, &count), NVML_UNINITIALIZED);
	assert_int_equal(count, 77);
	assert_int_equal(CALL(f, nvmlShutdown), NVML_UNINITIALIZED);
	assert_int_equal(CALL(f, nvmlDeviceGetVgpuMetadata, NULL, NULL, NULL), NVML_UNINITIALIZED);
	/* The library's own version is what explains a failing init. */
	assert_int_equal(CALL(f, nvmlSystemGetNVMLVersion, text, 96u), NVML_OK);
	assert_string_equal(text, "12." TEST_DRIVER);
}

static void init_is_counted(void **state)
{
	struct fixture *f = *state;
	uint32_t count = 0;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlShutdown), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetCount_v2, &count), NVML_OK);
	assert_int_equal(count, 3);
	assert_int_equal(CALL(f, nvmlShutdown), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetCount_v2, &count), NVML_UNINITIALIZED);
}

static void init_fails_as_a_driver_does(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sim_lock(&f->dir.map), 0);
	strcpy(sim_draft_machine(&f->dir.map)->module_version, "550.90.07");
	sim_publish_machine(&f->dir.map);
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_LIB_RM_VERSION_MISMATCH);
	sim_draft_machine(&f->dir.map)->module_version[0] = '\0';
	sim_publish_machine(&f->dir.map);
	sim_unlock(&f->dir.map);
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_DRIVER_NOT_LOADED);
}

static void control_node_decides_about_init(void **state)
{
	struct fixture *f = *state;

	assert_true(sim_machine_node(&f->dir, "nvidiactl", false));
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_DRIVER_NOT_LOADED);
}

static void only_gpus_with_a_node_are_seen(void **state)
{
	struct fixture *f = *state;
	nvml_device found;
	uint32_t value;
	char uuid[96];

	assert_true(sim_machine_node(&f->dir, "nvidia0", false));
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetCount_v2, &value), NVML_OK);
	assert_int_equal(value, 2);
	assert_int_equal(CALL(f, nvmlDeviceGetUUID, device(f, 0), uuid, 96u), NVML_OK);
	assert_string_equal(uuid, "GPU-0000abc1-1111-2222-3333-444444444444");
	assert_int_equal(CALL(f, nvmlDeviceGetMinorNumber, device(f, 1), &value), NVML_OK);
	assert_int_equal(value, 5);
	/* By no name can the hidden one be had. */
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByIndex_v2, 2u, &found), NVML_INVALID_ARGUMENT);
	assert_int_equal(
		CALL(f, nvmlDeviceGetHandleByUUID, "GPU-0000abc0-1111-2222-3333-444444444444", &found),
		NVML_NOT_FOUND);
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByPciBusId_v2, "0000:17:00.0", &found), NVML_NOT_FOUND);
	assert_int_equal(CALL(f, nvmlDeviceGetHandleBySerial, "1650023000000", &found), NVML_NOT_FOUND);
	CALL(f, nvmlShutdown);
}

static void gpus_are_found_by_every_name(void **state)
{
	static const char *const bus_ids[] = {
		"00000000:27:00.0", "0000:27:00.0", "27:00.0", "0:27:0", "00000000:27:00"};
	struct fixture *f = *state;
	nvml_device found;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	for (size_t i = 0; i < sizeof(bus_ids) / sizeof(bus_ids[0]); i++) {
		found = NULL;
		assert_int_equal(CALL(f, nvmlDeviceGetHandleByPciBusId_v2, bus_ids[i], &found), NVML_OK);
		assert_ptr_equal(found, device(f, 1));
	}
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByPciBusId_v2, "xyz", &found), NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByPciBusId_v2, "", &found), NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByPciBusId_v2, "fffffffff:27:00.0", &found),
		NVML_INVALID_ARGUMENT);
	assert_int_equal(
		CALL(f, nvmlDeviceGetHandleByUUID, "gpu-0000ABC1-1111-2222-3333-444444444444", &found),
		NVML_OK);
	assert_ptr_equal(found, device(f, 1));
	CALL(f, nvmlShutdown);
}

static void bad_handles_are_refused(void **state)
{
	struct fixture *f = *state;
	uint32_t value = 5;
	char local;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetMinorNumber, NULL, &value), NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlDeviceGetMinorNumber, (void *)&local, &value), NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlDeviceGetMinorNumber, device(f, 0), NULL), NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlGpuInstanceGetInfo, (void *)&local, &value), NVML_INVALID_ARGUMENT);
	assert_int_equal(value, 5);
	CALL(f, nvmlShutdown);
}

static void what_a_card_lacks_is_not_zero(void **state)
{
	struct fixture *f = *state;
	uint32_t value = 4711, other = 4711;
	uint64_t count = 4711;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	nvml_device h100 = device(f, 0), geforce = device(f, 2);
	assert_int_equal(CALL(f, nvmlDeviceGetFanSpeed, h100, &value), NVML_NOT_SUPPORTED);
	assert_int_equal(CALL(f, nvmlDeviceGetFanSpeed, geforce, &other), NVML_OK);
	assert_int_equal(other, 34);
	assert_int_equal(CALL(f, nvmlDeviceGetTotalEccErrors, geforce, 0u, 0u, &count), NVML_NOT_SUPPORTED);
	assert_int_equal(CALL(f, nvmlDeviceGetNvLinkState, geforce, 0u, &value), NVML_NOT_SUPPORTED);
	assert_int_equal(CALL(f, nvmlDeviceGetMigMode, geforce, &value, &value), NVML_NOT_SUPPORTED);
	assert_int_equal(CALL(f, nvmlDeviceGetJpgUtilization, h100, &value, &value), NVML_NOT_SUPPORTED);
	assert_int_equal(value, 4711);
	assert_int_equal(count, 4711);
	CALL(f, nvmlShutdown);
}

static void fields_answer_one_by_one(void **state)
{
	struct fixture *f = *state;
	nvml_field_value values[] = {{.field = NVML_FIELD_MEMORY_TEMPERATURE},
		{.field = NVML_FIELD_POWER_INSTANT}, {.field = 9999},
		{.field = NVML_FIELD_NVLINK_GET_SPEED, .scope = 17},
		{.field = NVML_FIELD_NVLINK_GET_SPEED, .scope = 18}};

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetFieldValues, device(f, 0), 5, values), NVML_OK);
	assert_int_equal(values[0].result, NVML_OK);
	assert_int_equal(values[0].value.ui, 38);
	assert_int_equal(values[1].value.ui, 71000);
	assert_int_equal(values[2].result, NVML_NOT_SUPPORTED);
	assert_int_equal(values[3].value.ui, 26562);
	assert_int_equal(values[4].result, NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlDeviceGetFieldValues, device(f, 2), 1, values), NVML_OK);
	assert_int_equal(values[0].result, NVML_NOT_SUPPORTED);
	CALL(f, nvmlShutdown);
}

static void changes_are_seen_at_once(void **state)
{
	struct fixture *f = *state;
	uint32_t value;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	nvml_device gpu0 = device(f, 0);
	assert_int_equal(CALL(f, nvmlDeviceGetTemperature, gpu0, 0u, &value), NVML_OK);
	assert_int_equal(value, 31);
	EDIT(f, 0, gpu->thermal.gpu = 83);
	assert_int_equal(CALL(f, nvmlDeviceGetTemperature, gpu0, 0u, &value), NVML_OK);
	assert_int_equal(value, 83);
	CALL(f, nvmlShutdown);
}

static void faults_have_their_codes(void **state)
{
	static const struct {
		uint32_t fault;
		nvml_return code;
	} faults[] = {{SIM_FAULT_LOST, NVML_GPU_IS_LOST}, {SIM_FAULT_RESET, NVML_RESET_REQUIRED},
		{SIM_FAULT_POWER, NVML_INSUFFICIENT_POWER}, {SIM_FAULT_IRQ, NVML_IRQ_ISSUE},
		{SIM_FAULT_HANG, NVML_TIMEOUT}};
	struct fixture *f = *state;
	nvml_device found;
	uint32_t value;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	nvml_device gpu0 = device(f, 0);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		EDIT(f, 0, gpu->faults = faults[i].fault);
		assert_int_equal(CALL(f, nvmlDeviceGetTemperature, gpu0, 0u, &value), faults[i].code);
		assert_int_equal(CALL(f, nvmlDeviceGetHandleByIndex_v2, 0u, &found), faults[i].code);
		/* The others go on. */
		assert_int_equal(CALL(f, nvmlDeviceGetTemperature, device(f, 1), 0u, &value), NVML_OK);
	}
	CALL(f, nvmlShutdown);
	EDIT(f, 0, gpu->faults = SIM_FAULT_OFF_BUS);
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetCount_v2, &value), NVML_OK);
	assert_int_equal(value, 2);
	CALL(f, nvmlShutdown);
}

static void structures_of_another_version_are_refused(void **state)
{
	struct fixture *f = *state;
	nvml_memory_v2 memory = {.version = 2};

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(
		CALL(f, nvmlDeviceGetMemoryInfo_v2, device(f, 2), &memory), NVML_ARGUMENT_VERSION_MISMATCH);
	memory.version = nvml_version(nvml_memory_v2, 2);
	assert_int_equal(CALL(f, nvmlDeviceGetMemoryInfo_v2, device(f, 2), &memory), NVML_OK);
	assert_true(memory.total == memory.free + memory.used + memory.reserved);
	assert_true(memory.used == UINT64_C(1) << 30);
	nvml_memory first;
	assert_int_equal(CALL(f, nvmlDeviceGetMemoryInfo, device(f, 2), &first), NVML_OK);
	assert_true(first.used == memory.used + memory.reserved);
	CALL(f, nvmlShutdown);
}

static void strings_and_lists_need_room(void **state)
{
	struct fixture *f = *state;
	char name[96] = "untouched";
	uint32_t count = 0, clocks[256];

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetName, device(f, 0), name, 5u), NVML_INSUFFICIENT_SIZE);
	assert_string_equal(name, "untouched");
	assert_int_equal(CALL(f, nvmlDeviceGetSupportedGraphicsClocks, device(f, 0), 2619u, &count, NULL),
		NVML_INSUFFICIENT_SIZE);
	assert_in_range(count, 2, 256);
	assert_int_equal(
		CALL(f, nvmlDeviceGetSupportedGraphicsClocks, device(f, 0), 2619u, &count, clocks), NVML_OK);
	assert_int_equal(clocks[0], 1980);
	assert_true(clocks[count - 1] >= 210 && clocks[count - 1] < 225);
	CALL(f, nvmlShutdown);
}

static void processes_are_those_of_the_table(void **state)
{
	struct fixture *f = *state;
	nvml_process_info infos[4];
	uint32_t count = 4;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(
		CALL(f, nvmlDeviceGetComputeRunningProcesses_v3, device(f, 0), &count, infos), NVML_OK);
	assert_int_equal(count, 0);
	assert_int_equal(sim_lock(&f->dir.map), 0);
	struct sim_process_table *table = sim_draft_processes(&f->dir.map);
	table->count = 3;
	table->process[0] =
		(struct sim_process){.gpu = 0, .pid = 100, .kind = 'C', .gi = ~0u, .ci = ~0u, .memory = 5};
	table->process[1] = (struct sim_process){.gpu = 1, .pid = 101, .kind = 'C', .gi = ~0u, .ci = ~0u};
	table->process[2] = (struct sim_process){.gpu = 0, .pid = 102, .kind = 'G', .gi = ~0u, .ci = ~0u};
	sim_publish_processes(&f->dir.map);
	sim_unlock(&f->dir.map);
	count = 0;
	assert_int_equal(CALL(f, nvmlDeviceGetComputeRunningProcesses_v3, device(f, 0), &count, NULL),
		NVML_INSUFFICIENT_SIZE);
	assert_int_equal(count, 1);
	assert_int_equal(
		CALL(f, nvmlDeviceGetComputeRunningProcesses_v3, device(f, 0), &count, infos), NVML_OK);
	assert_int_equal(infos[0].pid, 100);
	assert_int_equal(infos[0].memory, 5);
	assert_int_equal(infos[0].gi, UINT32_MAX);
	assert_int_equal(
		CALL(f, nvmlDeviceGetGraphicsRunningProcesses_v3, device(f, 0), &count, infos), NVML_OK);
	assert_int_equal(infos[0].pid, 102);
	CALL(f, nvmlShutdown);
}

static void mig_devices_need_both_their_nodes(void **state)
{
	struct fixture *f = *state;
	nvml_device mig = NULL, parent = NULL;
	uint32_t value;
	char text[96];

	EDIT(f, 0, {
		gpu->mig.mode = gpu->mig.pending = 1;
		gpu->mig.gi[3] = (struct sim_gpu_instance){.used = 1,
			.id = 7,
			.profile = NVML_PROFILE_1_SLICE,
			.start = 4,
			.size = 1,
			.slices = 1};
		gpu->mig.gi[3].ci[0] = (struct sim_compute_instance){.used = 1,
			.size = 1,
			.slices = 1,
			.uuid = "MIG-12345678-aaaa-5bbb-8ccc-dddddddddddd"};
	});
	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	nvml_device gpu0 = device(f, 0);
	assert_int_equal(CALL(f, nvmlDeviceGetMaxMigDeviceCount, gpu0, &value), NVML_OK);
	assert_int_equal(value, 7);
	assert_int_equal(CALL(f, nvmlDeviceGetMigDeviceHandleByIndex, gpu0, 0u, &mig), NVML_NOT_FOUND);
	assert_true(sim_machine_mig_nodes(&f->dir, 0, 7, 0, true));
	assert_int_equal(CALL(f, nvmlDeviceGetMigDeviceHandleByIndex, gpu0, 0u, &mig), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetMigDeviceHandleByIndex, gpu0, 1u, &parent), NVML_NOT_FOUND);
	assert_int_equal(
		CALL(f, nvmlDeviceGetMigDeviceHandleByIndex, gpu0, 7u, &parent), NVML_INVALID_ARGUMENT);
	assert_int_equal(CALL(f, nvmlDeviceGetName, mig, text, 96u), NVML_OK);
	assert_string_equal(text, "NVIDIA H100 80GB HBM3 MIG 1g.10gb");
	assert_int_equal(CALL(f, nvmlDeviceGetUUID, mig, text, 96u), NVML_OK);
	assert_string_equal(text, "MIG-12345678-aaaa-5bbb-8ccc-dddddddddddd");
	assert_int_equal(CALL(f, nvmlDeviceIsMigDeviceHandle, mig, &value), NVML_OK);
	assert_int_equal(value, 1);
	assert_int_equal(CALL(f, nvmlDeviceGetDeviceHandleFromMigDeviceHandle, mig, &parent), NVML_OK);
	assert_ptr_equal(parent, gpu0);
	assert_int_equal(CALL(f, nvmlDeviceGetTemperature, mig, 0u, &value), NVML_NOT_SUPPORTED);
	parent = NULL;
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByUUID, text, &parent), NVML_OK);
	assert_ptr_equal(parent, mig);
	/* Without the capability node it cannot be had by name either; once destroyed its handle says so. */
	assert_true(sim_machine_mig_nodes(&f->dir, 0, 7, 0, false));
	assert_int_equal(CALL(f, nvmlDeviceGetHandleByUUID, text, &parent), NVML_NOT_FOUND);
	EDIT(f, 0, gpu->mig.gi[3].used = 0);
	assert_int_equal(CALL(f, nvmlDeviceGetName, mig, text, 96u), NVML_NOT_FOUND);
	CALL(f, nvmlShutdown);
}

static void setters_change_the_machine_or_are_refused(void **state)
{
	struct fixture *f = *state;
	uint32_t value;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	nvml_device gpu0 = device(f, 0);
	nvml_return rc = CALL(f, nvmlDeviceSetPowerManagementLimit, gpu0, 300000u);
	if (geteuid() != 0) {
		assert_int_equal(rc, NVML_NO_PERMISSION);
		CALL(f, nvmlShutdown);
		return;
	}
	assert_int_equal(rc, NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetEnforcedPowerLimit, gpu0, &value), NVML_OK);
	assert_int_equal(value, 300000);
	assert_int_equal(CALL(f, nvmlDeviceSetPowerManagementLimit, gpu0, 1u), NVML_INVALID_ARGUMENT);
	/* Who is not root is refused. */
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(setuid(65534) == 0 && CALL(f, nvmlDeviceSetPowerManagementLimit, gpu0, 250000u) ==
						    NVML_NO_PERMISSION
				? 0
				: 1);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(CALL(f, nvmlDeviceGetEnforcedPowerLimit, gpu0, &value), NVML_OK);
	assert_int_equal(value, 300000);
	CALL(f, nvmlShutdown);
}

static void xid_reaches_who_waits_for_that_gpu(void **state)
{
	struct fixture *f = *state;
	nvml_event_data data;
	nvml_event_set set;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlEventSetCreate, &set), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceRegisterEvents, device(f, 1), NVML_EVENT_XID, set), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceRegisterEvents, device(f, 2), NVML_EVENT_ECC_DOUBLE, set),
		NVML_NOT_SUPPORTED);
	assert_int_equal(CALL(f, nvmlEventSetWait_v2, set, &data, 1u), NVML_TIMEOUT);
	assert_int_equal(sim_lock(&f->dir.map), 0);
	sim_post_event(&f->dir.map, &(struct sim_event){.type = NVML_EVENT_XID, .data = 31, .gpu = 0});
	sim_post_event(&f->dir.map,
		&(struct sim_event){.type = NVML_EVENT_XID, .data = 79, .gpu = 1, .gi = 2, .ci = 3});
	sim_unlock(&f->dir.map);
	assert_int_equal(CALL(f, nvmlEventSetWait_v2, set, &data, 60000u), NVML_OK);
	assert_ptr_equal(data.device, device(f, 1));
	assert_int_equal(data.data, 79);
	assert_int_equal(data.gi, 2);
	assert_int_equal(CALL(f, nvmlEventSetWait_v2, set, &data, 1u), NVML_TIMEOUT);
	assert_int_equal(CALL(f, nvmlEventSetFree, set), NVML_OK);
	CALL(f, nvmlShutdown);
}

static void samples_go_on_where_the_reader_stopped(void **state)
{
	struct fixture *f = *state;
	nvml_sample samples[120];
	uint32_t type, count = 120;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	assert_int_equal(CALL(f, nvmlDeviceGetSamples, device(f, 2), NVML_SAMPLES_GPU_UTILIZATION,
				 UINT64_C(0), &type, &count, samples),
		NVML_OK);
	assert_int_equal(count, 120);
	for (uint32_t i = 1; i < count; i++)
		assert_true(samples[i].time > samples[i - 1].time);
	assert_int_equal(samples[0].value.ui, 40);
	/* Nothing new, or what came since: never one seen before. */
	uint64_t last = samples[119].time;
	nvml_return rc = CALL(f, nvmlDeviceGetSamples, device(f, 2), NVML_SAMPLES_GPU_UTILIZATION, last,
		&type, &count, samples);
	assert_true(rc == NVML_NOT_FOUND || (rc == NVML_OK && samples[0].time > last));
	CALL(f, nvmlShutdown);
}

static void pcie_throughput_takes_its_window(void **state)
{
	struct fixture *f = *state;
	struct timespec a, b;
	uint32_t value;

	assert_int_equal(CALL(f, nvmlInit_v2), NVML_OK);
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(CALL(f, nvmlDeviceGetPcieThroughput, device(f, 0), NVML_PCIE_RX, &value), NVML_OK);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(value, 700);
	/* Never shorter: that is what a sleep promises. */
	assert_true((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec >= 20000000);
	CALL(f, nvmlShutdown);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_works_before_init),
		TEST(init_is_counted),
		TEST(init_fails_as_a_driver_does),
		TEST(control_node_decides_about_init),
		TEST(only_gpus_with_a_node_are_seen),
		TEST(gpus_are_found_by_every_name),
		TEST(bad_handles_are_refused),
		TEST(what_a_card_lacks_is_not_zero),
		TEST(fields_answer_one_by_one),
		TEST(changes_are_seen_at_once),
		TEST(faults_have_their_codes),
		TEST(structures_of_another_version_are_refused),
		TEST(strings_and_lists_need_room),
		TEST(processes_are_those_of_the_table),
		TEST(mig_devices_need_both_their_nodes),
		TEST(setters_change_the_machine_or_are_refused),
		TEST(xid_reaches_who_waits_for_that_gpu),
		TEST(samples_go_on_where_the_reader_stopped),
		TEST(pcie_throughput_takes_its_window),
	};

	if (argc != 2)
		return 2;
	library_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
