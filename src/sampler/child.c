/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/child.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* The child's threads: who reads questions, who answers them, who waits for events. Nothing here runs in the
 * caller's process. */

enum { STACK = 256 * 1024, EVENT_WAIT_MS = 5 * 1000 };

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t nvb_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t nvb_monotonic_of(uint64_t microseconds)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), real = clock_ns(CLOCK_REALTIME);
	uint64_t age = real > microseconds * 1000 ? real - microseconds * 1000 : 0;

	if (microseconds == 0)
		return 0;
	return age < now ? now - age : 1;
}

void nvb_said_text(char out[static NVB_SAID_TEXT], const char *in, size_t size)
{
	size_t n = strnlen(in, size);

	if (n >= NVB_SAID_TEXT)
		n = NVB_SAID_TEXT - 1;
	memcpy(out, in, n);
	out[n] = '\0';
}

void nvb_say(struct nvb_sampler_process *child, enum nvb_sampler_type type, uint32_t gpu, uint64_t tick,
	const void *body, size_t size)
{
	struct nvb_said_head head = {
		.magic = NVB_SAID_MAGIC, .type = type, .gpu = gpu, .size = (uint32_t)size, .tick = tick};
	struct iovec parts[] = {{&head, sizeof(head)}, {(void *)body, size}};
	size_t left = sizeof(head) + size;

	pthread_mutex_lock(&child->output);
	while (left) {
		ssize_t n = writev(child->out, parts, 2);
		size_t from_head;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0); /* nobody reads any more */
		left -= (size_t)n;
		from_head = (size_t)n < parts[0].iov_len ? (size_t)n : parts[0].iov_len;
		parts[0].iov_base = (char *)parts[0].iov_base + from_head;
		parts[0].iov_len -= from_head;
		parts[1].iov_base = (char *)parts[1].iov_base + ((size_t)n - from_head);
		parts[1].iov_len -= (size_t)n - from_head;
	}
	pthread_mutex_unlock(&child->output);
}

nvml_return nvb_judge(struct nvb_sampler_worker *worker, nvml_return result)
{
	switch (result) {
	case NVML_GPU_IS_LOST:
	case NVML_RESET_REQUIRED:
	case NVML_IRQ_ISSUE:
	case NVML_TIMEOUT:
	case NVML_INSUFFICIENT_POWER:
	case NVML_DRIVER_NOT_LOADED:
	case NVML_UNINITIALIZED:
		worker->result = result;
		break;
	default:
		break;
	}
	return result;
}

static void say_facts(struct nvb_sampler_worker *w)
{
	struct nvb_said_facts facts = {.minor = UINT32_MAX};
	char text[NVML_NAME_SIZE] = "";
	nvml_pci_info pci = {0};

	facts.result = (int32_t)NVB_CALL(w, nvmlDeviceGetHandleByIndex_v2, w->index, &w->device);
	if (facts.result != NVML_OK)
		goto say;
	if (NVB_CALL(w, nvmlDeviceGetPciInfo_v3, w->device, &pci) == NVML_OK)
		nvb_said_text(facts.pci, pci.bus_id, sizeof(pci.bus_id));
	if (NVB_CALL(w, nvmlDeviceGetUUID, w->device, text, sizeof(text)) == NVML_OK)
		nvb_said_text(facts.uuid, text, sizeof(text));
	if (NVB_CALL(w, nvmlDeviceGetName, w->device, text, sizeof(text)) == NVML_OK)
		nvb_said_text(facts.name, text, sizeof(text));
	if (NVB_CALL(w, nvmlDeviceGetMinorNumber, w->device, &facts.minor) != NVML_OK)
		facts.minor = UINT32_MAX;
	if (NVB_CALL(w, nvmlDeviceGetMaxPcieLinkGeneration, w->device, &facts.pcie_generation_max) != NVML_OK)
		facts.pcie_generation_max = 0;
	if (NVB_CALL(w, nvmlDeviceGetMaxPcieLinkWidth, w->device, &facts.pcie_width_max) != NVML_OK)
		facts.pcie_width_max = 0;
	if (w->child->events)
		facts.has_events = NVB_CALL(w, nvmlDeviceRegisterEvents, w->device, NVML_EVENT_XID,
					   w->child->events) == NVML_OK;
say:
	nvb_say(w->child, NVB_SAID_FACTS, w->index, 0, &facts, sizeof(facts));
}

static void answer(struct nvb_sampler_worker *w, uint32_t groups, uint64_t tick)
{
	w->result = NVML_OK;
	w->said.count = 0;
	if (!w->device)
		say_facts(w);
	if (!w->device) {
		w->result = w->result == NVML_OK ? NVML_UNKNOWN : w->result;
	} else {
		if (groups & NVB_ASK_FAST)
			nvb_ask_fast(w);
		/* One that is lost has nothing else to say. */
		if (w->result == NVML_OK && groups & NVB_ASK_UTILIZATION)
			nvb_ask_utilization(w);
		if (w->result == NVML_OK && groups & NVB_ASK_SLOW) {
			nvb_ask_slow(w);
			nvb_ask_migs(w);
		}
		if (w->result == NVML_OK && groups & NVB_ASK_PROCESSES)
			nvb_ask_processes(w);
	}
	w->said.result = (int32_t)w->result;
	nvb_say(w->child, NVB_SAID_VALUES, w->index, tick, &w->said, sizeof(w->said));
}

static void *work(void *data)
{
	struct nvb_sampler_worker *w = data;

	for (;;) {
		uint32_t groups;
		uint64_t tick;

		pthread_mutex_lock(&w->child->lock);
		while (!w->groups)
			pthread_cond_wait(&w->wake, &w->child->lock);
		groups = w->groups;
		tick = w->tick;
		w->groups = 0;
		pthread_mutex_unlock(&w->child->lock);
		answer(w, groups, tick);
	}
	return NULL;
}

static uint32_t gpu_of(const struct nvb_sampler_process *child, nvml_device device)
{
	for (uint32_t i = 0; i < child->count; i++)
		if (child->workers[i].device == device)
			return i;
	return UINT32_MAX;
}

static void *wait_for_events(void *data)
{
	struct nvb_sampler_process *child = data;

	for (;;) {
		nvml_event_data event = {0};
		nvml_return rc = child->nvml.nvmlEventSetWait_v2(child->events, &event, EVENT_WAIT_MS);
		struct nvb_said_event said = {.xid = event.data};
		uint32_t gpu = gpu_of(child, event.device);

		if (rc == NVML_OK && event.type & NVML_EVENT_XID && gpu != UINT32_MAX)
			nvb_say(child, NVB_SAID_EVENT, gpu, 0, &said, sizeof(said));
		/* A lost GPU answers at once, and for ever. */
		if (rc != NVML_OK && rc != NVML_TIMEOUT)
			sleep(1);
	}
	return NULL;
}

static uint64_t resident_bytes(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long size, resident;

	if (!f || fscanf(f, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

static void say_cost(struct nvb_sampler_process *child)
{
	struct rusage usage;
	struct nvb_said_cost cost = {.rss_bytes = resident_bytes()};

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		cost.cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
	nvb_say(child, NVB_SAID_COST, 0, 0, &cost, sizeof(cost));
}

static bool start_thread(pthread_t *thread, void *(*function)(void *), void *data)
{
	pthread_attr_t attributes;
	bool ok;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	ok = pthread_create(thread, &attributes, function, data) == 0;
	pthread_attr_destroy(&attributes);
	return ok;
}

static bool start_threads(struct nvb_sampler_process *child)
{
	pthread_t events;

	child->workers = calloc(child->count ? child->count : 1, sizeof(*child->workers));
	if (!child->workers)
		return false;
	if (!child->nvml.nvmlEventSetCreate || !child->nvml.nvmlEventSetWait_v2 ||
		child->nvml.nvmlEventSetCreate(&child->events) != NVML_OK)
		child->events = NULL;
	for (uint32_t i = 0; i < child->count; i++) {
		struct nvb_sampler_worker *w = &child->workers[i];

		w->child = child;
		w->index = i;
		pthread_cond_init(&w->wake, NULL);
		if (!start_thread(&w->thread, work, w))
			return false;
	}
	return !child->events || start_thread(&events, wait_for_events, child);
}

static void load(struct nvb_sampler_process *child, const char *path, struct nvb_said_hello *hello)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const char *why = library ? NULL : dlerror();
	char version[NVML_VERSION_SIZE] = "";

	hello->step = NVB_SAID_NOT_LOADED;
	if (!library) {
		snprintf(hello->message, sizeof(hello->message), "%s", why ? why : "unknown error");
		return;
	}
#define X(name, arguments) *(void **)&child->nvml.name = dlsym(library, #name);
	NVB_SAMPLER_CALLS(X)
#undef X
	hello->step = NVB_SAID_NOT_INITIALISED;
	hello->result = NVML_FUNCTION_NOT_FOUND;
	if (child->nvml.nvmlInit_v2 && child->nvml.nvmlDeviceGetCount_v2)
		hello->result = (int32_t)child->nvml.nvmlInit_v2();
	if (hello->result == NVML_OK)
		hello->result = (int32_t)child->nvml.nvmlDeviceGetCount_v2(&hello->gpus);
	if (hello->result != NVML_OK)
		return;
	if (child->nvml.nvmlSystemGetDriverVersion &&
		child->nvml.nvmlSystemGetDriverVersion(version, sizeof(version)) == NVML_OK)
		nvb_said_text(hello->driver, version, sizeof(version));
	if (hello->gpus > NVB_SAID_GPUS_MOST)
		hello->gpus = NVB_SAID_GPUS_MOST;
	hello->step = NVB_SAID_OPENED;
}

static bool read_ask(int in, struct nvb_sampler_ask *ask)
{
	size_t have = 0;

	while (have < sizeof(*ask)) {
		ssize_t n = read(in, (char *)ask + have, sizeof(*ask) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/* A GPU that is still at work gets the question when it is done, with what else has come until then. */
static void pass_on(struct nvb_sampler_process *child, const struct nvb_sampler_ask *ask)
{
	pthread_mutex_lock(&child->lock);
	for (uint32_t i = 0; i < child->count; i++) {
		struct nvb_sampler_worker *w = &child->workers[i];

		w->groups |= ask->groups & NVB_ASK_ALL;
		w->tick = ask->tick;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&child->lock);
}

int nvb_sampler_child(const char *library, int in, int out)
{
	struct nvb_sampler_process child = {
		.out = out, .lock = PTHREAD_MUTEX_INITIALIZER, .output = PTHREAD_MUTEX_INITIALIZER};
	struct nvb_said_hello hello = {0};
	struct nvb_sampler_ask ask;

	/* Threads that allocate little need no heaps of their own. */
	mallopt(M_ARENA_MAX, 1);
	load(&child, library, &hello);
	child.count = hello.gpus;
	nvb_say(&child, NVB_SAID_HELLO, 0, 0, &hello, sizeof(hello));
	if (hello.step != NVB_SAID_OPENED || !start_threads(&child))
		_exit(1);
	while (read_ask(in, &ask)) {
		pass_on(&child, &ask);
		if (ask.groups & NVB_ASK_SLOW)
			say_cost(&child);
	}
	/* No shutdown and no exit handlers: a thread may hang in the library. The driver cleans up. */
	_exit(0);
}
