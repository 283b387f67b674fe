/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/cuda/api.h"
#include "sim/cuda/checkpoint.h"
#include "sim/cuda/driver.h"

/* Older C libraries have it, too, under the name of its time. */
#if defined(__x86_64__)
__asm__(".symver pthread_mutex_trylock,pthread_mutex_trylock@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_mutex_trylock,pthread_mutex_trylock@GLIBC_2.17");
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct driver driver = {.client = {.socket = -1, .map = SIM_MAP_INIT}, .mps = -1};

void cuda_lock(void)
{
	pthread_mutex_lock(&lock);
}

CUresult cuda_enter(struct driver **out)
{
	pthread_mutex_lock(&lock);
	*out = &driver;
	cuda_pass_gate(&driver);
	return driver.ready && driver.pid == getpid() ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

bool cuda_seize(struct driver **out, int64_t deadline)
{
	const struct timespec pause = {.tv_nsec = 200000};

	*out = &driver;
	/* No waiting with a limit in the oldest C libraries. */
	while (deadline && pthread_mutex_trylock(&lock) != 0) {
		if (cuda_now() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	if (!deadline)
		pthread_mutex_lock(&lock);
	return true;
}

CUresult cuda_leave(CUresult result)
{
	pthread_mutex_unlock(&lock);
	return result;
}

CUresult cuda_from_errno(int rc)
{
	switch (rc) {
	case 0:
		return CUDA_SUCCESS;
	case -ENOMEM:
		return CUDA_ERROR_OUT_OF_MEMORY;
	case -EBUSY:
	case -ENODEV:
	case -ENOENT:
		return CUDA_ERROR_DEVICE_UNAVAILABLE;
	case -EIO:
		return CUDA_ERROR_ECC_UNCORRECTABLE;
	default:
		return CUDA_ERROR_OPERATING_SYSTEM;
	}
}

/* Libraries and kernel module of different versions do not work together. */
static CUresult check_versions(const struct sim_machine *machine)
{
	if (!machine->module_version[0])
		return CUDA_ERROR_NO_DEVICE;
	if (!(machine->flags & SIM_MACHINE_WSL) &&
		strcmp(machine->module_version, machine->driver_version) != 0)
		return CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
	return CUDA_SUCCESS;
}

static CUresult initialise(void)
{
	struct sim_machine machine;
	CUresult result;

	/* The address of anything in this library tells which machine it belongs to. */
	if (sim_client_attach(&driver, SIM_CLIENT_CUDA, &driver.client) < 0 || !driver.client.map.live) {
		sim_client_detach(&driver.client);
		return CUDA_ERROR_NO_DEVICE;
	}
	/* Only a context holds the device open; the mapping of the state stays. */
	cuda_disconnect(&driver);
	sim_read_machine(driver.client.map.state, &machine);
	result = check_versions(&machine);
	if (result == CUDA_SUCCESS && machine.flags & SIM_MACHINE_LATENCY)
		usleep(machine.init_delay_us);
	if (result == CUDA_SUCCESS)
		result = cuda_find_devices(&driver);
	if (result == CUDA_SUCCESS)
		result = cuda_mps_connect(&driver);
	if (result != CUDA_SUCCESS) {
		cuda_mps_disconnect(&driver);
		sim_client_detach(&driver.client);
		return result;
	}
	driver.branch = atoi(machine.driver_version);
	driver.pid = getpid();
	driver.ready = true;
	return cuda_start_restore_thread();
}

CUresult cuInit(unsigned flags)
{
	CUresult result = CUDA_SUCCESS;

	if (flags)
		return CUDA_ERROR_INVALID_VALUE;
	pthread_mutex_lock(&lock);
	if (!driver.ready)
		result = initialise();
	else if (driver.pid != getpid())
		result = CUDA_ERROR_NOT_INITIALIZED;
	return cuda_leave(result);
}

/* Works before cuInit, as programs that choose a runtime by it expect. */
CUresult cuDriverGetVersion(int *version)
{
	struct sim_client client;
	struct sim_machine machine;

	if (!version)
		return CUDA_ERROR_INVALID_VALUE;
	if (sim_client_attach(&driver, SIM_CLIENT_CUDA, &client) < 0)
		return CUDA_ERROR_NO_DEVICE;
	sim_read_machine(client.map.state, &machine);
	sim_client_detach(&client);
	*version = (int)machine.cuda_version;
	return CUDA_SUCCESS;
}

CUresult cuda_connect(struct driver *d)
{
	struct sim_map map = SIM_MAP_INIT;
	int rc;

	/* Without a daemon (the state file alone was mounted) memory is this process' own. */
	if (d->client.socket >= 0 || d->client.path[0])
		return CUDA_SUCCESS;
	d->client.socket = sim_client_connect(d->client.root);
	if (d->client.socket < 0) {
		d->client.socket = -1;
		return CUDA_ERROR_DEVICE_UNAVAILABLE;
	}
	rc = sim_client_hello(d->client.socket, SIM_CLIENT_CUDA, &map, NULL);
	/* Another machine may stand there by now. */
	if (rc == 0 && map.state->identity != d->client.map.state->identity)
		rc = -ENODEV;
	sim_state_unmap(&map);
	if (rc < 0)
		cuda_disconnect(d);
	return cuda_from_errno(rc);
}

void cuda_disconnect(struct driver *d)
{
	if (d->client.socket >= 0)
		close(d->client.socket);
	d->client.socket = -1;
}

CUresult cuda_report_use(struct driver *d, struct device *device, uint64_t allocated)
{
	/* What a context itself takes on the device. */
	const uint64_t context_size = UINT64_C(256) << 20;
	struct sim_request request = {.kind = device->contexts ? SIM_REQUEST_USE : SIM_REQUEST_RELEASE,
		.process = 'C',
		.gpu = device->gpu,
		.gi = device->gi,
		.ci = device->ci,
		.memory = device->contexts * context_size + allocated};
	struct sim_reply reply;
	CUresult result;

	/* Contexts count, and what is given back is no matter. */
	if (device->limit && request.memory > device->limit && request.memory > device->used)
		return CUDA_ERROR_OUT_OF_MEMORY;
	if (d->client.socket < 0)
		result = request.memory > device->size ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
	else
		result = cuda_from_errno(sim_client_call(d->client.socket, &request, &reply, NULL));
	if (result == CUDA_SUCCESS)
		device->used = request.memory;
	return result;
}
