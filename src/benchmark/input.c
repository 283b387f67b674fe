/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "benchmark/metric.h"
#include "benchmark/subject.h"

enum {
	BLOCKS = 10,	 /* of each reader, in turn */
	PRESSES = 50,	 /* counted in a block */
	WARM_UP = 5,	 /* before them */
	ANSWER = 5000,	 /* ms */
	START = 60000,	 /* ms; a capsule on a machine that has much else to do */
	PAUSE = 2000000, /* ns between presses */
};
#define DEVICE_NAME "nvbind benchmark"

struct reader {
	const char *name, *what;
	const char **words;
	pid_t pid;
	int fd;
	char line[64];
	size_t used;
	double times[BLOCKS * PRESSES];
	size_t count;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* --- the device --- */

static int make_device(int fd, nvb_error **err)
{
	struct uinput_setup setup = {.id = {.bustype = BUS_VIRTUAL, .vendor = 1, .product = 1, .version = 1}};

	memcpy(setup.name, DEVICE_NAME, sizeof(DEVICE_NAME));
	if (ioctl(fd, UI_SET_EVBIT, EV_KEY) < 0 || ioctl(fd, UI_SET_KEYBIT, BTN_TRIGGER_HAPPY1) < 0 ||
		ioctl(fd, UI_DEV_SETUP, &setup) < 0 || ioctl(fd, UI_DEV_CREATE) < 0)
		return nvb_fail_errno(err, errno, "making an input device");
	return 0;
}

/* The node of the new device: "eventN" below its directory in sysfs. */
static int find_node(int fd, char *path, size_t size, nvb_error **err)
{
	const struct timespec pause = {0, 10000000};
	char name[64], directory[128];

	if (ioctl(fd, UI_GET_SYSNAME(sizeof(name)), name) < 0)
		return nvb_fail_errno(err, errno, "the new input device's name");
	snprintf(directory, sizeof(directory), "/sys/devices/virtual/input/%s", name);
	for (int tries = 0; tries < 200; tries++) {
		_cleanup_closedir_ DIR *entries = opendir(directory);
		struct dirent *entry;

		while (entries && (entry = readdir(entries)))
			if (nvb_after(entry->d_name, "event")) {
				snprintf(path, size, "/dev/input/%.32s", entry->d_name);
				if (access(path, R_OK) == 0)
					return 0;
			}
		nanosleep(&pause, NULL);
	}
	return nvb_fail(
		err, NVB_ERR_NOT_FOUND, "the new input device has no node in /dev/input that can be read");
}

static int emit(int fd, uint16_t type, uint16_t code, int32_t value)
{
	const struct input_event event = {.type = type, .code = code, .value = value};

	return write(fd, &event, sizeof(event)) == (ssize_t)sizeof(event) ? 0 : -errno;
}

/* --- those who read it --- */

/* Its next line: a number, or 0 for "ready". */
static int next_line(struct reader *reader, int patience, uint64_t *number, nvb_error **err)
{
	struct pollfd readable = {.fd = reader->fd, .events = POLLIN};
	char c;

	for (reader->used = 0;;) {
		if (poll(&readable, 1, patience) != 1 || read(reader->fd, &c, 1) != 1)
			return nvb_fail(err, NVB_ERR_SYSTEM,
				"the program that reads the device ended or hangs (%s)", reader->name);
		if (c == '\n')
			break;
		if (reader->used + 1 < sizeof(reader->line))
			reader->line[reader->used++] = c;
	}
	reader->line[reader->used] = '\0';
	*number = 0;
	if (!nvb_streq(reader->line, "ready") && !nvb_parse_u64(reader->line, number))
		return nvb_fail(
			err, NVB_ERR_CORRUPT, "the program that reads the device says '%s'", reader->line);
	return 0;
}

static int start_reader(struct nvb_benchmark *benchmark, struct reader *reader, nvb_error **err)
{
	struct nvb_command command = nvb_benchmark_command(benchmark, reader->words);
	uint64_t ready;

	reader->fd = -1;
	reader->pid = nvb_command_start(&command, &reader->fd, err);
	return reader->pid < 0 ? reader->pid : next_line(reader, START, &ready, err);
}

static void stop_reader(struct reader *reader)
{
	nvb_command_stop(reader->pid);
	nvb_closep(&reader->fd);
	reader->pid = reader->fd = -1;
}

static int press(
	struct nvb_benchmark *benchmark, int fd, struct reader *reader, bool counted, nvb_error **err)
{
	const struct timespec pause = {0, PAUSE};
	struct pollfd cancelled = {.fd = benchmark->cancel_fd, .events = POLLIN};
	uint64_t begin, read;
	int rc;

	if (poll(&cancelled, 1, 0) == 1)
		return nvb_fail(err, NVB_ERR_CANCELLED, "interrupted");
	nanosleep(&pause, NULL);
	begin = now();
	rc = emit(fd, EV_KEY, BTN_TRIGGER_HAPPY1, 1);
	if (rc == 0)
		rc = emit(fd, EV_SYN, SYN_REPORT, 0);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "writing an input event");
	rc = next_line(reader, ANSWER, &read, err);
	if (rc == 0 && counted && read >= begin)
		reader->times[reader->count++] = (double)(read - begin);
	if (rc == 0 && (emit(fd, EV_KEY, BTN_TRIGGER_HAPPY1, 0) < 0 || emit(fd, EV_SYN, SYN_REPORT, 0) < 0))
		rc = nvb_fail_errno(err, errno, "writing an input event");
	return rc;
}

/* One reader at a time has the device open: two that are woken by one event would wait for each other. */
static int press_all(struct nvb_benchmark *benchmark, int fd, struct reader *readers, nvb_error **err)
{
	struct nvb_random random;
	int rc = 0;

	nvb_random_seed(&random, benchmark->seed);
	for (uint32_t block = 0; rc == 0 && block < BLOCKS; block++) {
		uint32_t order[] = {0, 1};

		nvb_random_shuffle(&random, order, 2);
		if (benchmark->progress)
			benchmark->progress(benchmark->progress_data, "measuring input", block, BLOCKS);
		for (size_t i = 0; rc == 0 && i < 2; i++) {
			struct reader *reader = &readers[order[i]];

			rc = start_reader(benchmark, reader, err);
			for (int n = 0; rc == 0 && n < WARM_UP + PRESSES; n++)
				rc = press(benchmark, fd, reader, n >= WARM_UP, err);
			stop_reader(reader);
		}
	}
	return rc;
}

/* --- the whole --- */

static bool add_words(
	struct reader *readers, const struct nvb_benchmark *benchmark, const char *node, const char *name)
{
	const char ***capsule = &readers[1].words;
	bool added = nvb_words(&readers[0].words, benchmark->gpu_program, "input", node, NULL) &&
		     nvb_words(capsule, benchmark->bolt, NULL);

	added = added && nvb_words_list(capsule, benchmark->common);
	added = added && nvb_words(capsule, "surge", "run", "--rm", "--name", name, "--device", node, NULL);
	if (benchmark->runtime)
		added = added && nvb_words(capsule, "--runtime", benchmark->runtime, NULL);
	return added && nvb_words(capsule, benchmark->root, NVB_BENCHMARK_GPU, "input", node, NULL);
}

static int measure(struct nvb_benchmark *benchmark, int fd, struct reader *readers, nvb_error **err)
{
	_cleanup_free_ char *name = NULL;
	char node[64];
	int rc = make_device(fd, err);

	if (rc == 0)
		rc = find_node(fd, node, sizeof(node), err);
	if (rc < 0)
		return rc;
	if (asprintf(&name, "%s-input", benchmark->name) < 0) {
		name = NULL;
		return nvb_fail_oom(err);
	}
	if (!add_words(readers, benchmark, node, name))
		return nvb_fail_oom(err);
	return press_all(benchmark, fd, readers, err);
}

static int record(struct nvb_benchmark *benchmark, const struct reader *readers, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 2; i++) {
		_cleanup_free_ char *line = nvb_benchmark_quote(readers[i].words);

		if (!line)
			return nvb_fail_oom(err);
		rc = nvb_record_add_subject(benchmark->record, readers[i].name, readers[i].what, line, err);
		if (rc == 0)
			rc = nvb_record_add_series(benchmark->record, readers[i].name, "input",
				readers[i].times, readers[i].count, err);
	}
	return rc;
}

int nvb_benchmark_input(struct nvb_benchmark *benchmark, nvb_error **err)
{
	_cleanup_free_ struct reader *readers = calloc(2, sizeof(*readers));
	_cleanup_close_ int fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
	_cleanup_error_ nvb_error *why = NULL;
	int sys = errno, rc;

	if (!readers)
		return nvb_fail_oom(err);
	if (fd < 0) {
		char reason[128];

		snprintf(reason, sizeof(reason), "/dev/uinput cannot be opened: %s", strerror(sys));
		return nvb_record_add_absent(benchmark->record, "input", reason, err);
	}
	readers[0].name = "host";
	readers[0].what = "a program of the host that reads the device's node";
	readers[1].name = "input-capsule";
	readers[1].what = "the same program in a capsule that was given the node";
	rc = measure(benchmark, fd, readers, &why);
	if (rc == 0)
		rc = record(benchmark, readers, &why);
	nvb_words_free(readers[0].words);
	nvb_words_free(readers[1].words);
	if (rc == 0)
		return 0;
	if (rc == -NVB_ERR_CANCELLED || rc == -NVB_ERR_NO_MEMORY) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	return nvb_record_add_absent(benchmark->record, "input", nvb_error_message(why), err);
}
