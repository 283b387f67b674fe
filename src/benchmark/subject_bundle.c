/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jscan.h"
#include "base/str.h"
#include "benchmark/bundle.h"
#include "benchmark/subject.h"

/*
 * An OCI runtime by itself. What it is given is what bolt gives it: a capsule of bolt's is started and waits,
 * and the runtime is run in that bolt's mount namespace, where the root is mounted and the driver's files
 * are, with its config.json but for the program. So what is measured is the runtime and nothing that bolt
 * does before it.
 */

/* Where root's bolt has the bundle, in its own mount namespace. */
#define WORKSPACE "/run/bolt/workspace"

enum { READY = 30000 /* ms */, CONFIG_MAX = 4 << 20 };

static int start_paused(
	struct nvb_subject *subject, struct nvb_benchmark *benchmark, bool gpu, nvb_error **err)
{
	_cleanup_words_ const char **words = NULL;
	bool added = nvb_words(&words, benchmark->bolt, NULL);
	struct nvb_command command;

	added = added && nvb_words_list(&words, benchmark->common);
	added = added && nvb_words(&words, "surge", "run", "--rm", "--name", subject->container, "--network",
				 "host", NULL);
	if (benchmark->runtime)
		added = added && nvb_words(&words, "--runtime", benchmark->runtime, NULL);
	if (gpu)
		added = added && nvb_words(&words, "--gpu", "all", NULL);
	if (!added || !nvb_words(&words, benchmark->root, NVB_BENCHMARK_FIRST, "wait", NULL))
		return nvb_fail_oom(err);
	command = nvb_benchmark_command(benchmark, words);
	subject->paused = nvb_command_start(&command, NULL, err);
	return subject->paused < 0 ? subject->paused : 0;
}

/* Until its container runs: then the bundle is whole. */
static int wait_paused(struct nvb_subject *subject, nvb_error **err)
{
	const struct timespec pause = {0, 5000000};
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/root" WORKSPACE "/pid", subject->paused);
	for (int waited = 0; waited < READY; waited += 5) {
		_cleanup_free_ char *pid = NULL;
		size_t size = 0;

		if (nvb_file_read(AT_FDCWD, path, 32, &pid, &size, NULL) == 0 && size)
			return 0;
		nanosleep(&pause, NULL);
	}
	return nvb_fail(err, NVB_ERR_SYSTEM, "the capsule in whose place it is run did not start");
}

/* What bolt chose, as `bolt capsule inspect` says it. */
static int chosen_runtime(
	struct nvb_subject *subject, struct nvb_benchmark *benchmark, char **runtime, nvb_error **err)
{
	_cleanup_command_result_ struct nvb_command_result result = {0};
	_cleanup_words_ const char **words = NULL;
	bool added = nvb_words(&words, benchmark->bolt, NULL);
	struct nvb_command command;
	const char *found;
	int rc;

	added = added && nvb_words_list(&words, benchmark->common);
	if (!added || !nvb_words(&words, "capsule", "inspect", subject->container, NULL))
		return nvb_fail_oom(err);
	command = nvb_benchmark_command(benchmark, words);
	rc = nvb_command_must(&command, &result, err);
	if (rc < 0)
		return rc;
	found = strstr(result.output, "\"runtime\": \"/");
	if (!found)
		return nvb_fail(err, NVB_ERR_CORRUPT, "'bolt capsule inspect' names no runtime");
	found += strlen("\"runtime\": \"");
	*runtime = strndup(found, strcspn(found, "\""));
	return *runtime ? 0 : nvb_fail_oom(err);
}

static int write_bundle(struct nvb_subject *subject, struct nvb_benchmark *benchmark, bool ask, char **bundle,
	nvb_error **err)
{
	_cleanup_free_ char *config = NULL, *edited = NULL, *file = NULL, *cgroup = NULL;
	const char *program[] = {NVB_BENCHMARK_FIRST, subject->gpu ? NVB_BENCHMARK_GPU : NULL, "start", NULL};
	struct nvb_bundle_change change = {.args = program, .root = WORKSPACE "/rootfs", .ask_for_gpus = ask};
	char path[128];
	size_t size;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/root" WORKSPACE "/config.json", subject->paused);
	rc = nvb_file_read(AT_FDCWD, path, CONFIG_MAX, &config, &size, err);
	if (rc < 0)
		return rc;
	if (asprintf(bundle, "%s/%s", benchmark->directory, subject->name) < 0) {
		*bundle = NULL;
		return nvb_fail_oom(err);
	}
	if (asprintf(&file, "%s/config.json", *bundle) < 0 ||
		asprintf(&cgroup, "/%s", subject->container) < 0)
		return nvb_fail_oom(err);
	change.cgroup = cgroup;
	rc = nvb_bundle_change(config, size, &change, &edited, err);
	if (rc == 0)
		rc = nvb_file_mkdirs(AT_FDCWD, *bundle, 0700, err);
	if (rc < 0)
		return rc;
	subject->file = NVB_TAKE_PTR(file);
	subject->text = NVB_TAKE_PTR(edited);
	return 0;
}

static int enter(struct nvb_subject *subject, nvb_error **err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", subject->paused);
	subject->namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
	return subject->namespace_fd < 0 ? nvb_fail_errno(err, errno, "opening %s", path) : 0;
}

/* NVIDIA's runtime edits what is created, not what is run. What a start that failed left is removed before
 * the next. */
static bool add_commands(
	struct nvb_subject *subject, const char *runtime, const char *state, const char *bundle, bool steps)
{
	return nvb_words(&subject->argv, runtime, "--root", state, steps ? "create" : "run", "--bundle",
		       bundle, subject->container, NULL) &&
	       (!steps || (nvb_words(&subject->start, runtime, "--root", state, "start", subject->container,
				   NULL) &&
				  nvb_words(&subject->remove, runtime, "--root", state, "delete", "--force",
					  subject->container, NULL)));
}

/* `program`: NULL for the runtime that bolt uses. */
static int prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, const char *program,
	char **runtime, nvb_error **err)
{
	_cleanup_free_ char *bundle = NULL, *state = NULL;
	struct nvb_start_times times;
	int rc;

	if (geteuid() != 0)
		return nvb_fail(err, NVB_ERR_PERMISSION, "a bare runtime can be compared by root alone");
	rc = start_paused(subject, benchmark, subject->gpu && !program, err);
	if (rc == 0)
		rc = wait_paused(subject, err);
	if (rc == 0)
		rc = enter(subject, err);
	if (rc == 0 && !program)
		rc = chosen_runtime(subject, benchmark, runtime, err);
	else if (rc == 0 && !(*runtime = strdup(program)))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = write_bundle(subject, benchmark, program && subject->gpu, &bundle, err);
	if (rc < 0)
		return rc;
	if (asprintf(&state, "%s/state", benchmark->directory) < 0 ||
		!add_commands(subject, *runtime, state, bundle, program))
		return nvb_fail_oom(err);
	return nvb_subject_start(subject, benchmark, &times, err);
}

int nvb_bare_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	_cleanup_free_ char *runtime = NULL, *version = NULL;
	int rc = prepare(subject, benchmark, NULL, &runtime, err);

	if (rc == 0)
		rc = nvb_first_line(benchmark, (const char *[]){runtime, "--version", NULL}, &version, err);
	if (rc < 0)
		return rc;
	if (asprintf(&subject->what,
		    "%s alone, with the config.json that bolt gives it, in a root that is mounted and has "
		    "%s; run and "
		    "delete are in the figure, nothing of bolt's is",
		    version, subject->gpu ? "the driver's files" : "no GPUs") < 0) {
		subject->what = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

int nvb_nvidia_runtime_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	const char *version_words[] = {"nvidia-container-runtime", "--version", NULL};
	_cleanup_free_ char *runtime = NULL, *version = NULL;
	int rc = nvb_first_line(benchmark, version_words, &version, err);

	if (rc < 0)
		return nvb_hint(err, rc, "install NVIDIA's container toolkit, or leave it out");
	rc = prepare(subject, benchmark, "nvidia-container-runtime", &runtime, err);
	if (rc < 0)
		return rc;
	if (asprintf(&subject->what,
		    "%s: create, start and delete, with the config.json that bolt gives a runtime for a "
		    "container without GPUs, %s, in a root that is mounted; what its hooks write there stays "
		    "for the next run",
		    version, subject->gpu ? "and NVIDIA_VISIBLE_DEVICES=all" : "no GPUs") < 0) {
		subject->what = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

void nvb_bundle_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark)
{
	if (subject->argv) {
		_cleanup_free_ char *state = NULL;

		if (asprintf(&state, "%s/state", benchmark->directory) >= 0) {
			const char *words[] = {subject->argv[0], "--root", state, "delete", "--force",
				subject->container, NULL};
			struct nvb_command command = nvb_benchmark_command(benchmark, words);

			command.namespace_fd = subject->namespace_fd;
			nvb_command_must(&command, NULL, NULL);
		}
	}
	nvb_command_stop(subject->paused);
	subject->paused = 0;
}
