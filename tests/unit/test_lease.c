/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: who may have a GPU beside whom, whose life a lease has, and what a killed holder leaves. */
#include <inttypes.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/root.h"
#include "base/str.h"
#include "lease/lease.h"
#include "lease/record.h"
#include "scratch.h"

static struct nvb_root root;

static int begin(void **state)
{
	return scratch_make(state) < 0 ? -1 : nvb_root_open(&root, scratch.path, NULL);
}

static int end(void **state)
{
	nvb_root_close(&root);
	return scratch_remove(state);
}

#define lease_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

static struct nvb_lease_device one[] = {
	{.key = (char *)"0000:3b:00.0", .name = (char *)"2", .uuid = (char *)"GPU-aaaa"}};
static struct nvb_lease_device two[] = {
	{.key = (char *)"0000:3b:00.0", .name = (char *)"2", .uuid = (char *)"GPU-aaaa"},
	{.key = (char *)"0000:4b:00.0", .name = (char *)"3"}};
static struct nvb_lease_device mig[] = {{.key = (char *)"0000:3b:00.0-gi1-ci0",
	.parent = (char *)"0000:3b:00.0",
	.name = (char *)"2:0",
	.uuid = (char *)"MIG-bbbb"}};
static struct nvb_lease_device other_mig[] = {{.key = (char *)"0000:3b:00.0-gi2-ci0",
	.parent = (char *)"0000:3b:00.0",
	.name = (char *)"2:1",
	.uuid = (char *)"MIG-cccc"}};
#define DEVICES(array)                        \
	(&(struct nvb_lease_devices){         \
		.list = (array),              \
		.count = NVB_ELEMENTS(array), \
	})

static const struct nvb_lease_holder docker = {.engine = "docker", .container = "web"};

static struct nvb_lease *take(const struct nvb_lease_devices *devices, enum nvb_lease_mode mode,
	const struct nvb_lease_holder *holder)
{
	struct nvb_lease *lease = NULL;
	nvb_error *err = NULL;

	if (nvb_lease_take(&root, devices, mode, holder, &lease, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_non_null(lease);
	return lease;
}

/* Refused, with those words in the message. */
static void refused(const struct nvb_lease_devices *devices, enum nvb_lease_mode mode, const char *words)
{
	struct nvb_lease *lease = NULL;
	nvb_error *err = NULL;

	assert_int_equal(nvb_lease_take(&root, devices, mode, &docker, &lease, &err), -NVB_ERR_BUSY);
	assert_null(lease);
	if (!strstr(nvb_error_message(err), words))
		fail_msg("'%s' is not in: %s", words, nvb_error_message(err));
	assert_non_null(strstr(nvb_error_hint(err), "nvbind info --leases"));
	nvb_error_free(err);
}

/* How many records there are, drafts included. */
static size_t records(void)
{
	DIR *dir = opendir(scratch_path("run/nvbind/leases/records"));
	const struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += !nvb_streq(entry->d_name, ".") && !nvb_streq(entry->d_name, "..");
	closedir(dir);
	return n;
}

/* A process that only waits to be killed. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_shared_and_exclusive(void **state)
{
	struct nvb_lease *a = take(DEVICES(one), NVB_LEASE_SHARED, &docker), *b;

	(void)state;
	b = take(DEVICES(two), NVB_LEASE_SHARED, &docker);
	refused(DEVICES(one), NVB_LEASE_EXCLUSIVE,
		"GPU 2 (GPU-aaaa) is in use by docker container web (process ");
	refused(DEVICES(one), NVB_LEASE_EXCLUSIVE, " and 1 more");
	nvb_lease_release(a);
	refused(DEVICES(one), NVB_LEASE_EXCLUSIVE, "is in use by docker container web");
	nvb_lease_release(b);
	a = take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker);
	refused(DEVICES(two), NVB_LEASE_SHARED,
		"GPU 2 (GPU-aaaa) is held exclusively by docker container web");
	refused(DEVICES(two), NVB_LEASE_EXCLUSIVE, "is held exclusively");
	nvb_lease_release(a);
	nvb_lease_release(take(DEVICES(two), NVB_LEASE_EXCLUSIVE, &docker));
	assert_int_equal(records(), 0);
}

static void test_all_or_none(void **state)
{
	struct nvb_lease *a = take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker);
	struct nvb_lease_devices other = {.list = &two[1], .count = 1};

	(void)state;
	refused(DEVICES(two), NVB_LEASE_EXCLUSIVE, "GPU 2");
	nvb_lease_release(take(&other, NVB_LEASE_EXCLUSIVE, &docker));
	nvb_lease_release(a);
}

static void test_mig_holds_its_gpu_shared(void **state)
{
	struct nvb_lease *a = take(DEVICES(mig), NVB_LEASE_EXCLUSIVE, &docker), *b;

	(void)state;
	refused(DEVICES(mig), NVB_LEASE_SHARED, "MIG device 2:0 (MIG-bbbb) is held exclusively");
	refused(DEVICES(one), NVB_LEASE_EXCLUSIVE, "GPU 2");
	b = take(DEVICES(other_mig), NVB_LEASE_EXCLUSIVE, &docker);
	nvb_lease_release(a);
	nvb_lease_release(b);
	a = take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker);
	refused(DEVICES(mig), NVB_LEASE_SHARED, "MIG device 2:0");
	nvb_lease_release(a);
}

static void test_no_devices(void **state)
{
	struct nvb_lease *lease = (struct nvb_lease *)1;

	(void)state;
	assert_int_equal(nvb_lease_take(&root, &(struct nvb_lease_devices){0}, NVB_LEASE_EXCLUSIVE, &docker,
				 &lease, NULL),
		0);
	assert_null(lease);
	assert_int_equal(access(scratch_path("run"), F_OK), -1);
}

/* The lease is not its taker's, but that of the process it names, and ends with it. */
static void test_life_of_the_holder(void **state)
{
	pid_t pid = sleeper();
	struct nvb_lease_holder holder = {.engine = "bolt", .container = "c", .pid = pid};

	(void)state;
	nvb_lease_free(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &holder));
	refused(DEVICES(one), NVB_LEASE_SHARED, "held exclusively by bolt container c");
	end_process(pid);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_SHARED, &docker));
	assert_int_equal(records(), 0);
}

static void test_adopt(void **state)
{
	pid_t supervisor = sleeper(), init = sleeper();
	struct nvb_lease_holder holder = {.engine = "bolt", .container = "c", .pid = supervisor};
	struct nvb_lease *lease = take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &holder);

	(void)state;
	assert_int_equal(nvb_lease_adopt(lease, init, NULL), 0);
	nvb_lease_free(lease);
	end_process(supervisor);
	refused(DEVICES(one), NVB_LEASE_SHARED, "held exclusively");
	end_process(init);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));
}

/* What runc (state.json) and crun (status) keep of a container, as far as it matters. */
static void write_state(const char *file, pid_t pid, uint64_t started)
{
	bool runc = strstr(file, "state.json");
	char text[256];

	scratch_mkdir("state/c");
	snprintf(text, sizeof(text),
		"{\"id\":\"c\",\"config\":{\"x\":[1,{}]},\n\"%s\": %d,\n\"%s\": %" PRIu64 "}",
		runc ? "init_process_pid" : "pid", pid, runc ? "init_process_start" : "process-start-time",
		started);
	scratch_write(file, text);
}

/* A runtime that made a container and is gone, as a shim that became it leaves it. */
static void try_runtime(const char *file)
{
	pid_t runtime = sleeper(), init = sleeper();
	char directory[128];
	struct nvb_lease_holder holder = {
		.engine = "docker", .container = "c", .pid = runtime, .runtime_state = directory};

	snprintf(directory, sizeof(directory), "%s/state/c", scratch.path);
	nvb_lease_free(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &holder));
	refused(DEVICES(one), NVB_LEASE_SHARED, "held exclusively"); /* it creates still */
	write_state(file, init, nvb_proc_start_time(init));
	end_process(runtime);
	refused(DEVICES(one), NVB_LEASE_SHARED, "held exclusively"); /* the container runs */
	assert_int_equal(unlinkat(scratch.fd, file, 0), 0);
	refused(DEVICES(one), NVB_LEASE_SHARED, "held exclusively"); /* written down the first time */
	end_process(init);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));
	assert_int_equal(records(), 0);
}

static void test_runc_state(void **state)
{
	(void)state;
	try_runtime("state/c/state.json");
}

static void test_crun_state(void **state)
{
	(void)state;
	try_runtime("state/c/status");
}

/* The number in the state is another process's by now, or none at all. */
static void test_reused_number(void **state)
{
	/* The first stands for what write_state() writes. */
	static const char *const contents[] = {
		NULL, "{\"init_process_pid\":", "", "[]", "{\"init_process_pid\":1}"};
	pid_t stranger = sleeper();
	char directory[128];

	(void)state;
	snprintf(directory, sizeof(directory), "%s/state/c", scratch.path);
	for (size_t i = 0; i < NVB_ELEMENTS(contents); i++) {
		pid_t runtime = sleeper();
		struct nvb_lease_holder holder = {
			.engine = "docker", .container = "c", .pid = runtime, .runtime_state = directory};

		nvb_lease_free(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &holder));
		write_state("state/c/state.json", stranger, nvb_proc_start_time(stranger) - 1);
		if (contents[i])
			scratch_write("state/c/state.json", contents[i]);
		end_process(runtime);
		nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));
	}
	end_process(stranger);
}

static void test_pid_file(void **state)
{
	pid_t runtime = sleeper(), init = sleeper();
	char path[128], number[32];
	struct nvb_lease_holder holder = {
		.engine = "podman", .container = "c", .pid = runtime, .pid_file = path};

	(void)state;
	snprintf(path, sizeof(path), "%s/pid", scratch.path);
	snprintf(number, sizeof(number), "%d", init);
	nvb_lease_free(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &holder));
	scratch_write("pid", number);
	end_process(runtime);
	refused(DEVICES(one), NVB_LEASE_SHARED, "held exclusively by podman");
	end_process(init);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));

	/* A process from before the runtime's time: the number was another container's. */
	runtime = sleeper();
	holder.pid = runtime;
	nvb_lease_free(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &holder));
	scratch_write("pid", "1\n");
	end_process(runtime);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));
}

static void test_by_flock(void **state)
{
	struct nvb_lease *a = take(DEVICES(one), NVB_LEASE_SHARED, &docker);
	int fd = open(scratch_path("run/nvbind/leases/devices/0000:3b:00.0"), O_RDONLY | O_CLOEXEC);
	char words[64];

	(void)state;
	assert_true(fd >= 0);
	nvb_lease_release(a);
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), 0);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_SHARED, &docker));
	snprintf(words, sizeof(words), "GPU 2 (GPU-aaaa) is held by process %d", getpid());
	refused(DEVICES(one), NVB_LEASE_EXCLUSIVE, words);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	refused(DEVICES(one), NVB_LEASE_SHARED, words);
	close(fd);
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));
}

/* As another user: sees what is held, respects it, can neither write nor remove it. */
static int as_other_user(void)
{
	struct nvb_lease *lease = NULL;

	if (setresuid(65533, 65533, 65533) < 0)
		return 10;
	if (nvb_lease_take(&root, DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker, &lease, NULL) != -NVB_ERR_BUSY)
		return 11;
	if (nvb_lease_take(&root, DEVICES(one), NVB_LEASE_SHARED, &docker, &lease, NULL) != 0 || !lease)
		return 12;
	nvb_lease_free(lease);
	if (nvb_lease_take(&root, DEVICES(mig), NVB_LEASE_EXCLUSIVE, &docker, &lease, NULL) !=
		-NVB_ERR_PERMISSION)
		return 13;
	if (open(scratch_path("run/nvbind/leases/records/shared-forged"), O_WRONLY | O_CREAT, 0644) >= 0 ||
		open(scratch_path("run/nvbind/leases/devices/0000:3b:00.0"), O_RDWR) >= 0 ||
		open(scratch_path("run/nvbind/leases/lock"), O_RDONLY) >= 0)
		return 14;
	return 0;
}

static void test_other_user(void **state)
{
	struct nvb_lease *a;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	chmod(scratch.path, 0755);
	scratch_mkdir("run");
	umask(077); /* as some engine might have it */
	a = take(DEVICES(one), NVB_LEASE_SHARED, &docker);
	umask(022);
	pid = fork();
	if (pid == 0)
		_exit(as_other_user());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(records(), 1);
	nvb_lease_release(a);
}

static void test_open_to_strangers(void **state)
{
	struct nvb_lease *lease = NULL;
	nvb_error *err = NULL;

	(void)state;
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_SHARED, &docker));
	assert_int_equal(chmod(scratch_path("run/nvbind/leases"), 0777), 0);
	assert_int_equal(nvb_lease_take(&root, DEVICES(one), NVB_LEASE_SHARED, &docker, &lease, &err),
		-NVB_ERR_PERMISSION);
	assert_non_null(strstr(nvb_error_message(err), "forged"));
	nvb_error_free(err);
}

static void test_damaged_records(void **state)
{
	static const char *const contents[] = {"", "nonsense", "mode exclusive\nprocess 1 1\n",
		"mode exclusive\nprocess x y\ndevice 0000:3b:00.0 - -\n",
		"mode weird\nprocess 1 1\ndevice 0000:3b:00.0 - -\n",
		"mode exclusive\nprocess 1 1\ndevice 0000:3b:00.0\n"};

	(void)state;
	nvb_lease_release(take(DEVICES(one), NVB_LEASE_SHARED, &docker));
	for (size_t i = 0; i < NVB_ELEMENTS(contents); i++) {
		scratch_write("run/nvbind/leases/records/exclusive-0123456789abcdef", contents[i]);
		scratch_write("run/nvbind/leases/records/.exclusive-0123456789abcdef", contents[i]);
		nvb_lease_release(take(DEVICES(one), NVB_LEASE_EXCLUSIVE, &docker));
		assert_int_equal(records(), 0);
	}
}

static void test_control_characters(void **state)
{
	struct nvb_lease_holder holder = {.engine = "docker", .container = "a\ndevice x - -"};
	struct nvb_lease *lease = NULL;

	(void)state;
	assert_int_equal(nvb_lease_take(&root, DEVICES(one), NVB_LEASE_SHARED, &holder, &lease, NULL),
		-NVB_ERR_INVALID);
}

/* The dead go although nobody asks for all: each who takes one looks at some. */
static void test_the_dead_do_not_pile_up(void **state)
{
	pid_t pid = sleeper();
	struct nvb_lease_holder holder = {.engine = "docker", .container = "c", .pid = pid};

	(void)state;
	for (int i = 0; i < 20; i++)
		nvb_lease_free(take(DEVICES(one), NVB_LEASE_SHARED, &holder));
	end_process(pid);
	for (int i = 0; i < 10; i++)
		nvb_lease_release(take(DEVICES(one), NVB_LEASE_SHARED, &docker));
	assert_int_equal(records(), 0);
}

/* Many at once ask for one GPU; one gets it. Those who are killed on the way leave nothing that blocks. */
static void test_race(void **state)
{
	enum { RACERS = 12 };
	pid_t racers[RACERS];
	int gate[2], winners[2], status;
	char won = 0;

	(void)state;
	nvb_lease_release(take(DEVICES(two), NVB_LEASE_SHARED, &docker));
	assert_int_equal(pipe(gate) | pipe(winners), 0);
	for (int i = 0; i < RACERS; i++) {
		racers[i] = fork();
		if (racers[i] == 0) {
			struct nvb_lease *lease = NULL;
			char go;

			close(gate[1]);
			if (read(gate[0], &go, 1) == 0 &&
				nvb_lease_take(&root, DEVICES(two), NVB_LEASE_EXCLUSIVE, &docker, &lease,
					NULL) == 0) {
				if (write(winners[1], "w", 1) != 1)
					_exit(2);
				pause();
			}
			_exit(1);
		}
	}
	close(gate[0]);
	close(gate[1]);
	assert_int_equal(read(winners[0], &won, 1), 1);
	for (int i = 0, left = RACERS - 1; i < left; i++)
		assert_true(waitpid(-1, &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1);
	for (int i = 0; i < RACERS; i++)
		kill(racers[i], SIGKILL);
	assert_true(waitpid(-1, &status, 0) > 0 && WIFSIGNALED(status));
	nvb_lease_release(take(DEVICES(two), NVB_LEASE_EXCLUSIVE, &docker));
	assert_int_equal(records(), 0);
	close(winners[0]);
	close(winners[1]);
}

static void test_killed_on_the_way(void **state)
{
	(void)state;
	nvb_lease_release(take(DEVICES(two), NVB_LEASE_SHARED, &docker));
	for (useconds_t after = 0; after < 1500; after += 50) {
		pid_t pid = fork();

		if (pid == 0) {
			struct nvb_lease *lease = NULL;

			for (;;) {
				nvb_lease_take(
					&root, DEVICES(two), NVB_LEASE_EXCLUSIVE, &docker, &lease, NULL);
				nvb_lease_release(NVB_TAKE_PTR(lease));
			}
		}
		usleep(after);
		end_process(pid);
		nvb_lease_release(take(DEVICES(two), NVB_LEASE_EXCLUSIVE, &docker));
		assert_int_equal(records(), 0);
	}
}

static void test_list(void **state)
{
	struct nvb_lease *a = take(DEVICES(two), NVB_LEASE_EXCLUSIVE, &docker);
	struct nvb_lease_info *list = NULL;
	size_t count = 0;
	int fd;

	(void)state;
	assert_int_equal(nvb_lease_list(&root, &list, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].mode, NVB_LEASE_EXCLUSIVE);
	assert_string_equal(list[0].engine, "docker");
	assert_string_equal(list[0].container, "web");
	assert_int_equal(list[0].pid, getpid());
	assert_true(list[0].since > 0);
	assert_int_equal(list[0].devices.count, 2);
	assert_string_equal(list[0].devices.list[0].uuid, "GPU-aaaa");
	assert_null(list[0].devices.list[1].uuid);
	nvb_lease_list_free(list, count);
	nvb_lease_release(a);

	fd = open(scratch_path("run/nvbind/leases/devices/0000:4b:00.0"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(nvb_lease_list(&root, &list, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_null(list[0].engine);
	assert_int_equal(list[0].pid, getpid());
	assert_int_equal(list[0].mode, NVB_LEASE_EXCLUSIVE);
	assert_string_equal(list[0].devices.list[0].key, "0000:4b:00.0");
	nvb_lease_list_free(list, count);
	close(fd);
}

static void test_list_of_nothing(void **state)
{
	struct nvb_lease_info *list = NULL;
	size_t count = 1;

	(void)state;
	assert_int_equal(nvb_lease_list(&root, &list, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_null(list);
	assert_int_equal(access(scratch_path("run"), F_OK), -1);
}

static void test_modes(void **state)
{
	enum nvb_lease_mode mode = NVB_LEASE_SHARED;
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_lease_parse_mode("exclusive", &mode, NULL), 0);
	assert_int_equal(mode, NVB_LEASE_EXCLUSIVE);
	assert_int_equal(nvb_lease_parse_mode("virtual", &mode, &err), -NVB_ERR_UNSUPPORTED);
	assert_int_equal(mode, NVB_LEASE_EXCLUSIVE);
	nvb_error_free(err);
	assert_int_equal(nvb_lease_parse_mode("exclusiv", &mode, NULL), -NVB_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lease_test(test_shared_and_exclusive),
		lease_test(test_all_or_none),
		lease_test(test_mig_holds_its_gpu_shared),
		lease_test(test_no_devices),
		lease_test(test_life_of_the_holder),
		lease_test(test_adopt),
		lease_test(test_runc_state),
		lease_test(test_crun_state),
		lease_test(test_reused_number),
		lease_test(test_pid_file),
		lease_test(test_by_flock),
		lease_test(test_other_user),
		lease_test(test_open_to_strangers),
		lease_test(test_damaged_records),
		lease_test(test_control_characters),
		lease_test(test_the_dead_do_not_pile_up),
		lease_test(test_race),
		lease_test(test_killed_on_the_way),
		lease_test(test_list),
		lease_test(test_list_of_nothing),
		lease_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
