/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/str.h"
#include "fake_cuda.h"
#include "fixture.h"
#include "gpustate/gpustate.h"
#include "nvbind/gpu_state.h"
#include "scratch.h"

/* The GPU half of snapshots, with a libcuda that is told what to do. argv[1] is the directory of the fakes.
 */

static const char *fakes;
static struct nvb_inventory inventory;
static struct fake_cuda *fake;

/* Numbers that no process has: what is asked of /proc about them finds nothing. */
enum { A = INT_MAX - 1, B = INT_MAX - 2, STRANGER = INT_MAX - 3 };
static const int both[] = {A, B};

/* --- The wire. --- */

static void requests(void **state)
{
	static const struct {
		uint32_t magic, call;
		int32_t pid;
		uint32_t pairs;
		bool fine;
	} rows[] = {
		{NVB_STATE_MAGIC, NVB_STATE_LOCK, 7, 0, true},
		{NVB_STATE_MAGIC, NVB_STATE_RESTORE, 7, NVB_STATE_PAIRS, true},
		{NVB_STATE_MAGIC, NVB_STATE_START, 0, 0, true},
		{NVB_STATE_MAGIC + 1, NVB_STATE_LOCK, 7, 0, false},
		{NVB_STATE_MAGIC, 0, 7, 0, false},
		{NVB_STATE_MAGIC, NVB_STATE_START + 1, 0, 0, false},
		{NVB_STATE_MAGIC, NVB_STATE_LOCK, 0, 0, false},
		{NVB_STATE_MAGIC, NVB_STATE_LOCK, -7, 0, false},
		{NVB_STATE_MAGIC, NVB_STATE_START, 7, 0, false},
		{NVB_STATE_MAGIC, NVB_STATE_LOCK, 7, 1, false},
		{NVB_STATE_MAGIC, NVB_STATE_RESTORE, 7, NVB_STATE_PAIRS + 1, false},
		{NVB_STATE_MAGIC, NVB_STATE_RESTORE, 7, UINT32_MAX, false},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		struct nvb_state_request out = {.call = 77}, in = {.magic = rows[i].magic,
								     .call = rows[i].call,
								     .pid = rows[i].pid,
								     .pair_count = rows[i].pairs};
		_cleanup_error_ nvb_error *err = NULL;
		int rc = nvb_state_request_parse(&out, &in, sizeof(in), &err);

		if ((rc == 0) != rows[i].fine)
			fail_msg("row %zu: %d", i, rc);
		assert_int_equal(out.call, rows[i].fine ? rows[i].call : 77);
		assert_true(rc == 0 || (rc == -NVB_ERR_CORRUPT && err));
	}
	for (size_t size = 0; size < sizeof(struct nvb_state_request); size += 100) {
		static const char zeros[sizeof(struct nvb_state_request)];
		struct nvb_state_request out;

		assert_int_equal(nvb_state_request_parse(&out, zeros, size, NULL), -NVB_ERR_CORRUPT);
	}
}

static struct nvb_state_reply good_reply(void)
{
	return (struct nvb_state_reply){.magic = NVB_STATE_MAGIC, .call = NVB_STATE_QUERY, .pid = 7};
}

static int parse(const struct nvb_state_reply *in, struct nvb_state_reply *out)
{
	const struct nvb_state_request asked = {.call = NVB_STATE_QUERY, .pid = 7};

	return nvb_state_reply_parse(out, in, sizeof(*in), &asked, NULL);
}

static void replies(void **state)
{
	struct nvb_state_reply in = good_reply(), out;

	(void)state;
	assert_int_equal(parse(&in, &out), 0);
	in.state = 3;
	in.thread = INT_MAX;
	in.result = -1;
	strcpy(in.text, "two\nlines \x1b[31m\x7f \xc3\xa9");
	assert_int_equal(parse(&in, &out), 0);
	/* What is printed moves no cursor. */
	assert_string_equal(out.text, "two lines  [31m  \xc3\xa9");
#define REFUSED(field, value)                                         \
	do {                                                          \
		in = good_reply();                                    \
		in.field = value;                                     \
		assert_int_equal(parse(&in, &out), -NVB_ERR_CORRUPT); \
	} while (0)
	REFUSED(magic, 0);
	REFUSED(call, NVB_STATE_LOCK);
	REFUSED(pid, 8);
	REFUSED(state, 4);
	REFUSED(thread, -1);
	REFUSED(result, -2);
	REFUSED(text[0], '\xff');
	in = good_reply();
	memset(in.text, 'x', sizeof(in.text));
	assert_int_equal(parse(&in, &out), -NVB_ERR_CORRUPT);
}

static void uuids(void **state)
{
	static const unsigned char wanted[16] = {
		0x67, 0xa7, 0xff, 0x37, 0xcd, 0xcc, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff};
	static const char *const bad[] = {"", "GPU-", "67a7ff37-cdcc-0001-0203-0405060708ff",
		"MIG-67a7ff37-cdcc-0001-0203-0405060708ff", "GPU-67a7ff37-cdcc-0001-0203-0405060708f",
		"GPU-67a7ff37-cdcc-0001-0203-0405060708ff0", "GPU-67a7ff37cdcc-0001-0203-0405060708ff0",
		"GPU-67a7ff3g-cdcc-0001-0203-0405060708ff"};
	unsigned char bytes[16] = {0};

	(void)state;
	assert_true(nvb_state_uuid("GPU-67a7ff37-cdcc-0001-0203-0405060708ff", bytes));
	assert_memory_equal(bytes, wanted, 16);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		if (nvb_state_uuid(bad[i], bytes))
			fail_msg("'%s' was taken", bad[i]);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(nvb_gpu_process_state_name(NVB_GPU_PROCESS_NONE), "no CUDA");
	assert_string_equal(nvb_gpu_process_state_name(NVB_GPU_PROCESS_FAILED), "failed");
	assert_string_equal(nvb_gpu_process_state_name((enum nvb_gpu_process_state)99), "unknown");
	assert_string_equal(nvb_gpu_process_state_name((enum nvb_gpu_process_state) - 1), "unknown");
}

/* --- A driver. --- */

static int world_make(void **state)
{
	int fd;

	if (scratch_make(state) < 0)
		return -1;
	fd = openat(scratch.fd, "fake", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*fake)) < 0)
		return -1;
	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	setenv("FAKE_CUDA", scratch_path("fake"), 1);
	fake->process[0].pid = A;
	fake->process[1].pid = B;
	fixture_inventory(&inventory);
	inventory.driver.version = "570.133.20";
	inventory.roots.driver.fd = scratch.fd;
	inventory.roots.driver.path = scratch.path;
	scratch_mkdir("usr/lib/x86_64-linux-gnu");
	return nvb_file_write(scratch.fd, "usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15",
		"\0cuCheckpointProcessLock", 25, 0755, NULL);
}

static int world_remove(void **state)
{
	munmap(fake, sizeof(*fake));
	return scratch_remove(state);
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, world_make, world_remove)

static nvb_gpu_state *open_state(const char *name)
{
	struct nvb_gpu_state_options options = {.size = sizeof(options), .lock_timeout_ms = 1234};
	nvb_gpu_state *gpu = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", fakes, name);
	options.library = path;
	assert_int_equal(nvb_gpu_state_open(&inventory, &options, &gpu, NULL), 0);
	return gpu;
}

/* The driver's words on every step, and its states afterwards. */
static void expect_journal(const char *wanted)
{
	char text[sizeof(fake->journal)] = "";

	for (const char *p = fake->journal; *p;) {
		size_t word = strcspn(p, " ");
		int pid = atoi(p + word);

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s %s", *text ? ", " : "",
			(int)word, p,
			pid == A   ? "A"
			: pid == B ? "B"
				   : "?");
		p += strcspn(p, "\n") + 1;
	}
	assert_string_equal(text, wanted);
	*fake->journal = '\0';
}

static void expect_states(unsigned a, unsigned b)
{
	assert_int_equal(fake->process[0].state, a);
	assert_int_equal(fake->process[1].state, b);
}

enum { RUNNING, LOCKED, CHECKPOINTED, FAILED };

static void expect_error(nvb_error **err, int rc, enum nvb_error_code code, const char *words)
{
	assert_int_equal(rc, -(int)code);
	assert_non_null(*err);
	if (!strstr(nvb_error_message(*err), words))
		fail_msg("'%s' is not in: %s", words, nvb_error_message(*err));
	assert_null(strchr(nvb_error_message(*err), '\n'));
	nvb_error_free(*err);
	*err = NULL;
}

static void captured_and_restored(void **state)
{
	const int pids[] = {A, B, STRANGER, A};
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	struct nvb_gpu_process process = {.size = sizeof(process)};
	size_t count = 77;

	(void)state;
	assert_int_equal(nvb_gpu_state_query(gpu, A, &process, NULL), 0);
	assert_int_equal(process.state, NVB_GPU_PROCESS_RUNNING);
	assert_int_equal(process.restore_thread, A + 1);
	assert_int_equal(nvb_gpu_state_query(gpu, STRANGER, &process, NULL), 0);
	assert_int_equal(process.state, NVB_GPU_PROCESS_NONE);
	assert_int_equal(process.restore_thread, 0);

	assert_int_equal(nvb_gpu_state_capture(gpu, pids, 4, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_int_equal(fake->timeout_ms, 1234);
	expect_journal("lock A, lock B, checkpoint A, checkpoint B");
	assert_int_equal(nvb_gpu_state_query(gpu, B, &process, NULL), 0);
	assert_int_equal(process.state, NVB_GPU_PROCESS_CHECKPOINTED);
	assert_int_equal(nvb_gpu_state_restore(gpu, pids, 4, NULL, 0, NULL), 0);
	expect_journal("restore A, restore B, unlock A, unlock B");
	expect_states(RUNNING, RUNNING);
	/* Nothing to do is no failure. */
	assert_int_equal(nvb_gpu_state_restore(gpu, pids, 4, NULL, 0, NULL), 0);
	assert_int_equal(nvb_gpu_state_capture(gpu, NULL, 0, &count, NULL), 0);
	assert_int_equal(count, 0);
	expect_journal("");
	nvb_gpu_state_close(gpu);
	nvb_gpu_state_close(NULL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void undone_at_each_step(void **state)
{
	static const struct {
		int call, pid;
		const char *journal;
	} rows[] = {
		{NVB_STATE_LOCK, A, "lock A"},
		{NVB_STATE_LOCK, B, "lock A, lock B, unlock A"},
		{NVB_STATE_CHECKPOINT, A, "lock A, lock B, checkpoint A, unlock A, unlock B"},
		{NVB_STATE_CHECKPOINT, B,
			"lock A, lock B, checkpoint A, checkpoint B, restore A, unlock A, unlock B"},
	};
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	nvb_error *err = NULL;
	size_t count = 77;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		fake->call = rows[i].call;
		fake->pid = rows[i].pid;
		fake->result = 801;
		fake->times = 1;
		expect_error(&err, nvb_gpu_state_capture(gpu, both, 2, &count, &err), NVB_ERR_UNSUPPORTED,
			"nothing was captured, the processes run on");
		assert_int_equal(count, 77);
		expect_journal(rows[i].journal);
		expect_states(RUNNING, RUNNING);
	}
	nvb_gpu_state_close(gpu);
}

/* What cannot be undone is said. */
static void undoing_that_fails(void **state)
{
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	nvb_error *err = NULL;

	(void)state;
	fake->process[1].state = LOCKED;
	expect_error(
		&err, nvb_gpu_state_capture(gpu, both, 2, NULL, &err), NVB_ERR_CONFLICT, "locked already");
	expect_journal("");
	fake->process[1].state = FAILED;
	expect_error(&err, nvb_gpu_state_capture(gpu, both, 2, NULL, &err), NVB_ERR_UNSUPPORTED, "failed");
	expect_error(&err, nvb_gpu_state_restore(gpu, both, 2, NULL, 0, &err), NVB_ERR_UNSUPPORTED, "failed");
	expect_states(RUNNING, FAILED);
	fake->process[1].state = RUNNING;
	fake->call = NVB_STATE_UNLOCK;
	fake->pid = A;
	fake->result = 999;
	fake->times = 1000;
	fake->process[1].pid = 0; /* A alone; its unlock never works */
	assert_int_equal(nvb_gpu_state_step(gpu, NVB_GPU_STEP_LOCK, A, NULL, 0, NULL), 0);
	expect_error(&err, nvb_gpu_state_restore(gpu, both, 1, NULL, 0, &err), NVB_ERR_SYSTEM,
		"CUDA error 999 CUDA_ERROR_ UNKNOWN");
	nvb_gpu_state_close(gpu);
}

/* The helper dies at each call, before or after it was done: another one undoes, or goes on. */
static void helper_that_dies(void **state)
{
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	nvb_error *err = NULL;

	(void)state;
	for (int call = NVB_STATE_LOCK; call <= NVB_STATE_CHECKPOINT; call++)
		for (int how = FAKE_DIE_BEFORE; how <= FAKE_DIE_AFTER; how++)
			for (size_t i = 0; i < 2; i++) {
				fake->call = call;
				fake->pid = both[i];
				fake->how = how;
				fake->times = 1;
				expect_error(&err, nvb_gpu_state_capture(gpu, both, 2, NULL, &err),
					NVB_ERR_SYSTEM, "the processes run on");
				expect_states(RUNNING, RUNNING);
			}
	for (int call = NVB_STATE_RESTORE; call <= NVB_STATE_UNLOCK; call++)
		for (int how = FAKE_DIE_BEFORE; how <= FAKE_DIE_AFTER; how++)
			for (size_t i = 0; i < 2; i++) {
				assert_int_equal(nvb_gpu_state_capture(gpu, both, 2, NULL, NULL), 0);
				fake->call = call;
				fake->pid = both[i];
				fake->how = how;
				fake->times = 1;
				expect_error(&err, nvb_gpu_state_restore(gpu, both, 2, NULL, 0, &err),
					NVB_ERR_SYSTEM, "can be tried again");
				assert_int_equal(nvb_gpu_state_restore(gpu, both, 2, NULL, 0, NULL), 0);
				expect_states(RUNNING, RUNNING);
			}
	nvb_gpu_state_close(gpu);
}

static void meanings(void **state)
{
	static const struct {
		int result;
		enum nvb_error_code code;
		const char *words;
	} rows[] = {
		{1, NVB_ERR_NOT_FOUND, "no such process"},
		{2, NVB_ERR_NO_MEMORY, "not enough memory"},
		{100, NVB_ERR_NOT_FOUND, "no GPU"},
		{101, NVB_ERR_NOT_FOUND, "is not here"},
		{401, NVB_ERR_CONFLICT, "not in the state"},
		{600, NVB_ERR_BUSY, "in time"},
		{800, NVB_ERR_PERMISSION, "another user"},
		{801, NVB_ERR_UNSUPPORTED, "the driver cannot"},
		{803, NVB_ERR_STALE, "different versions"},
		{12345, NVB_ERR_SYSTEM, "CUDA error 12345"},
	};
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	nvb_error *err = NULL;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		fake->call = NVB_STATE_LOCK;
		fake->result = rows[i].result;
		fake->times = 1;
		expect_error(&err, nvb_gpu_state_step(gpu, NVB_GPU_STEP_LOCK, A, NULL, 0, &err), rows[i].code,
			rows[i].words);
	}
	nvb_gpu_state_close(gpu);
}

static void pairs(void **state)
{
	struct nvb_gpu_pair pair = {"GPU-11111111-0000-0000-0000-000000000000",
				    "GPU-22222222-0000-0000-0000-000000000000"},
			    many[NVB_STATE_PAIRS + 1],
			    bad = {"GPU-11111111-0000-0000-0000-000000000000", "GPU-1"};
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	nvb_error *err = NULL;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(many); i++)
		many[i] = pair;
	assert_int_equal(nvb_gpu_state_capture(gpu, both, 2, NULL, NULL), 0);
	expect_error(&err, nvb_gpu_state_restore(gpu, both, 2, &bad, 1, &err), NVB_ERR_INVALID, "'GPU-1'");
	expect_error(&err, nvb_gpu_state_restore(gpu, both, 2, many, NVB_ELEMENTS(many), &err),
		NVB_ERR_INVALID, "more than 64");
	expect_error(&err, nvb_gpu_state_step(gpu, NVB_GPU_STEP_LOCK, A, &pair, 1, &err), NVB_ERR_INVALID,
		"restore alone");
	expect_states(CHECKPOINTED, CHECKPOINTED);
	assert_int_equal(nvb_gpu_state_restore(gpu, both, 2, many, NVB_STATE_PAIRS, NULL), 0);
	assert_int_equal(fake->pair_count, NVB_STATE_PAIRS);
	assert_int_equal(fake->from[0], 0x11);
	assert_int_equal(fake->to[0], 0x22);
	nvb_gpu_state_close(gpu);
}

static void callers_mistakes(void **state)
{
	struct nvb_gpu_state_options options = {.size = 3},
				     week = {.size = sizeof(week), .limit_s = UINT_MAX};
	struct nvb_gpu_process process = {.size = 1};
	nvb_gpu_state *gpu = NULL;
	nvb_error *err = NULL;

	(void)state;
	expect_error(&err, nvb_gpu_state_open(NULL, NULL, &gpu, &err), NVB_ERR_INVALID, "no inventory");
	expect_error(&err, nvb_gpu_state_open(&inventory, &options, &gpu, &err), NVB_ERR_INVALID, "size");
	expect_error(&err, nvb_gpu_state_open(&inventory, &week, &gpu, &err), NVB_ERR_INVALID, "week");
	assert_null(gpu);
	gpu = open_state("fake-cuda.so");
	expect_error(&err, nvb_gpu_state_query(gpu, A, &process, &err), NVB_ERR_INVALID, "size");
	process.size = sizeof(process);
	expect_error(&err, nvb_gpu_state_query(gpu, 0, &process, &err), NVB_ERR_INVALID, "no pid");
	expect_error(&err, nvb_gpu_state_step(gpu, (enum nvb_gpu_step)5, A, NULL, 0, &err), NVB_ERR_INVALID,
		"no such step");
	expect_error(&err, nvb_gpu_state_step(gpu, NVB_GPU_STEP_LOCK, -1, NULL, 0, &err), NVB_ERR_INVALID,
		"no pid");
	nvb_gpu_state_close(gpu);
}

static void drivers(void **state)
{
	nvb_gpu_state *gpu = NULL;
	nvb_error *err = NULL;

	(void)state;
	inventory.driver.version = "569.99";
	expect_error(&err, nvb_gpu_state_open(&inventory, NULL, &gpu, &err), NVB_ERR_UNSUPPORTED,
		"began with 570");
	inventory.driver.version = NULL;
	expect_error(&err, nvb_gpu_state_open(&inventory, NULL, &gpu, &err), NVB_ERR_UNSUPPORTED, "unknown");
	inventory.driver.version = "570.1";
	inventory.platform = NVB_PLATFORM_WSL2;
	expect_error(&err, nvb_gpu_state_open(&inventory, NULL, &gpu, &err), NVB_ERR_UNSUPPORTED, "WSL2");
	inventory.platform = NVB_PLATFORM_NATIVE;
	scratch_write("usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "cuCheckpointProcessLockX");
	expect_error(&err, nvb_gpu_state_open(&inventory, NULL, &gpu, &err), NVB_ERR_UNSUPPORTED, "lacks");
	inventory.file_count = 0;
	expect_error(
		&err, nvb_gpu_state_open(&inventory, NULL, &gpu, &err), NVB_ERR_NOT_FOUND, "not installed");
}

static void query_fails(const char *library, enum nvb_error_code code, const char *words)
{
	struct nvb_gpu_process process = {.size = sizeof(process)};
	nvb_gpu_state *gpu = open_state(library);
	nvb_error *err = NULL;

	expect_error(&err, nvb_gpu_state_query(gpu, A, &process, &err), code, words);
	nvb_gpu_state_close(gpu);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void libraries(void **state)
{
	struct nvb_gpu_process process = {.size = sizeof(process)};
	nvb_gpu_state *gpu;

	(void)state;
	query_fails("no-such.so", NVB_ERR_UNSUPPORTED, "no-such.so");
	query_fails("fake-cuda-lacks.so", NVB_ERR_UNSUPPORTED, "lacks cuCheckpointProcessUnlock");
	fake->call = NVB_STATE_START;
	fake->times = 1;
	fake->result = 100;
	query_fails("fake-cuda.so", NVB_ERR_NOT_FOUND, "starting the driver: there is no GPU");
	fake->times = 1;
	fake->how = FAKE_DIE_BEFORE;
	query_fails("fake-cuda.so", NVB_ERR_SYSTEM, "Killed");
	/* The next question starts another. */
	fake->times = 1;
	gpu = open_state("fake-cuda.so");
	assert_int_not_equal(nvb_gpu_state_query(gpu, A, &process, NULL), 0);
	assert_int_equal(nvb_gpu_state_query(gpu, A, &process, NULL), 0);
	nvb_gpu_state_close(gpu);
}

/* The driver would wait for ever for a thread that cannot run: it is not even asked. */
static void stopped_process(void **state)
{
	nvb_gpu_state *gpu = open_state("fake-cuda.so");
	nvb_error *err = NULL;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		for (;;)
			pause();
	fake->process[0].pid = pid;
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(nvb_state_is_frozen(pid));
	for (int step = NVB_GPU_STEP_LOCK; step <= NVB_GPU_STEP_UNLOCK; step++)
		expect_error(&err, nvb_gpu_state_step(gpu, (enum nvb_gpu_step)step, pid, NULL, 0, &err),
			NVB_ERR_BUSY, "stopped or frozen");
	expect_journal("");
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
	assert_false(nvb_state_is_frozen(pid));
	assert_int_equal(nvb_gpu_state_step(gpu, NVB_GPU_STEP_LOCK, pid, NULL, 0, NULL), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(nvb_state_is_frozen(pid));
	nvb_gpu_state_close(gpu);
}

static void processes_of_a_cgroup(void **state)
{
	_cleanup_free_ int *pids = NULL;
	nvb_error *err = NULL;
	size_t count = 0;

	(void)state;
	scratch_mkdir("group/below/further");
	scratch_mkdir("group/.hidden");
	scratch_write("group/.hidden/cgroup.procs", "15\n");
	scratch_write("group/cgroup.procs", "12\n13\n");
	scratch_write("group/below/cgroup.procs", "");
	scratch_write("group/below/further/cgroup.procs", "0\n-4\nx\n99999999999999999999\n4294967295\n14\n");
	assert_int_equal(nvb_gpu_state_cgroup(scratch_path("group"), &pids, &count, NULL), 0);
	assert_int_equal(count, 4);
	assert_int_equal(pids[0] + pids[1] + pids[2] + pids[3], 54);
	expect_error(&err, nvb_gpu_state_cgroup(scratch_path("none"), &pids, &count, &err), NVB_ERR_NOT_FOUND,
		"none");
	scratch_mkdir("empty");
	expect_error(&err, nvb_gpu_state_cgroup(scratch_path("empty"), &pids, &count, &err),
		NVB_ERR_NOT_FOUND, "empty");
	assert_int_equal(count, 4);
}

static void findings_without_a_process(void **state)
{
	struct nvb_gpu_state_finding *list = NULL;
	const int none[] = {STRANGER, -1};
	size_t count = 0, absent = 0;

	(void)state;
	inventory.driver.version = "550.54.15";
	assert_int_equal(nvb_gpu_state_preflight(&inventory, none, 2, &list, &count, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(list[i].id);
		assert_null(strchr(list[i].reason, '\n'));
		absent += nvb_streq(list[i].id, "process") && list[i].fatal;
	}
	assert_int_equal(absent, 2);
	assert_string_equal(list[0].id, "driver");
	nvb_gpu_state_findings_free(list, count);
	nvb_gpu_state_findings_free(NULL, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(replies),
		cmocka_unit_test(uuids),
		cmocka_unit_test(names),
		world_test(captured_and_restored),
		world_test(undone_at_each_step),
		world_test(undoing_that_fails),
		world_test(helper_that_dies),
		world_test(meanings),
		world_test(pairs),
		world_test(callers_mistakes),
		world_test(drivers),
		world_test(libraries),
		world_test(stopped_process),
		world_test(processes_of_a_cgroup),
		world_test(findings_without_a_process),
	};

	if (argc != 2)
		return 2;
	fakes = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
