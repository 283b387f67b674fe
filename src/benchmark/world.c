/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

struct nvb_command nvb_benchmark_command(struct nvb_benchmark *benchmark, const char *const *argv)
{
	struct nvb_command command = NVB_COMMAND_INIT;

	command.argv = argv;
	command.cancel_fd = benchmark->cancel_fd;
	if (benchmark->events) {
		command.drain_fd = nvb_process_events_fd(benchmark->events);
		command.drain = nvb_process_events_drain;
		command.drain_data = benchmark->events;
	}
	return command;
}

static int copy(
	struct nvb_benchmark *benchmark, const char *from, const char *to, mode_t mode, nvb_error **err)
{
	_cleanup_free_ char *data = NULL, *path = NULL, *directory = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, from, 256 << 20, &data, &size, err);

	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s%s", benchmark->root, to) < 0 || !(directory = strdup(path)))
		return nvb_fail_oom(err);
	*strrchr(directory, '/') = '\0';
	rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);
	return rc < 0 ? rc : nvb_file_write_unflushed(AT_FDCWD, path, data, size, mode, err);
}

/* What the program that calls the GPU says it needs. */
static int copy_libraries(struct nvb_benchmark *benchmark, nvb_error **err)
{
	const char *words[] = {benchmark->gpu_program, "libraries", NULL};
	_cleanup_command_result_ struct nvb_command_result result = {0};
	_cleanup_strv_ char **files = NULL;
	struct nvb_command command = nvb_benchmark_command(benchmark, words);
	int rc = nvb_command_must(&command, &result, err);

	if (rc < 0)
		return rc;
	files = nvb_strv_split(result.output, "\n");
	if (!files)
		return nvb_fail_oom(err);
	nvb_strv_foreach (file, files)
		if (rc == 0 && (*file)[0] == '/' && !strstr(*file, "/../"))
			rc = copy(benchmark, *file, *file, 0755, err);
	return rc;
}

static int add_text(struct nvb_benchmark *benchmark, const char *path, const char *text, nvb_error **err)
{
	_cleanup_free_ char *whole = NULL;

	if (asprintf(&whole, "%s%s", benchmark->root, path) < 0)
		return nvb_fail_oom(err);
	return nvb_file_write_unflushed(AT_FDCWD, whole, text, strlen(text), 0644, err);
}

/* So that a hook that runs ldconfig, and one that merges, find what an image has. */
static void write_cache(struct nvb_benchmark *benchmark)
{
	const char *words[] = {"ldconfig", "-r", benchmark->root, NULL};
	struct nvb_command command = nvb_benchmark_command(benchmark, words);
	_cleanup_error_ nvb_error *why = NULL;

	if (nvb_command_must(&command, NULL, &why) < 0)
		nvb_debug(benchmark->log, "no ld.so.cache in the root: %s", nvb_error_message(why));
}

static int make_root(struct nvb_benchmark *benchmark, nvb_error **err)
{
	static const char *const directories[] = {
		"dev", "etc", "proc", "run", "sys", "tmp", "usr/lib", "var"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(directories); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", benchmark->root, directories[i]) < 0)
			return nvb_fail_oom(err);
		rc = nvb_file_mkdirs(AT_FDCWD, path, 0755, err);
	}
	if (rc == 0)
		rc = add_text(benchmark, "/etc/passwd", "root:x:0:0:root:/:/bin/false\n", err);
	if (rc == 0)
		rc = add_text(benchmark, "/etc/group", "root:x:0:\n", err);
	if (rc == 0)
		rc = copy(benchmark, benchmark->first, NVB_BENCHMARK_FIRST, 0755, err);
	if (rc == 0)
		rc = copy(benchmark, benchmark->gpu_program, NVB_BENCHMARK_GPU, 0755, err);
	if (rc == 0)
		rc = copy_libraries(benchmark, err);
	if (rc == 0)
		write_cache(benchmark);
	return rc;
}

static int make_directory(struct nvb_benchmark *benchmark, nvb_error **err)
{
	const char *base = getenv("TMPDIR");

	if (asprintf(&benchmark->directory, "%s/nvbind-benchmark-XXXXXX", base && *base ? base : "/tmp") <
		0) {
		benchmark->directory = NULL;
		return nvb_fail_oom(err);
	}
	if (!mkdtemp(benchmark->directory)) {
		int sys = errno;
		_cleanup_free_ char *path = NVB_TAKE_PTR(benchmark->directory);

		return nvb_fail_errno(err, sys, "making %s", path);
	}
	/* What engines run as somebody else starts here. */
	chmod(benchmark->directory, 0755);
	/* Lower case, as names of images must be: XXXXXX is not. */
	if (asprintf(&benchmark->root, "%s/root", benchmark->directory) < 0 ||
		asprintf(&benchmark->name, "nvbind-benchmark-%d-%llx", getpid(),
			(unsigned long long)(nvb_boottime() / 1000000)) < 0)
		return nvb_fail_oom(err);
	return 0;
}

int nvb_benchmark_open(struct nvb_benchmark *benchmark, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc = make_directory(benchmark, err);

	if (rc == 0)
		rc = make_root(benchmark, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "a root file system for the benchmark");
	if (nvb_process_events_open(benchmark->hook, &benchmark->events, &why) < 0)
		return nvb_record_add_absent(
			benchmark->record, "phases engine, hooks and runtime", nvb_error_message(why), err);
	return 0;
}

void nvb_benchmark_close(struct nvb_benchmark *benchmark)
{
	_cleanup_error_ nvb_error *why = NULL;

	nvb_process_events_free(NVB_TAKE_PTR(benchmark->events));
	if (benchmark->directory && nvb_file_remove_tree(AT_FDCWD, benchmark->directory, &why) < 0)
		nvb_warning(benchmark->log, "%s", nvb_error_message(why));
	free(NVB_TAKE_PTR(benchmark->directory));
	free(NVB_TAKE_PTR(benchmark->root));
	free(NVB_TAKE_PTR(benchmark->name));
}

int nvb_benchmark_archive(struct nvb_benchmark *benchmark, int *fd, pid_t *pid, nvb_error **err)
{
	const char *words[] = {"tar", "-C", benchmark->root, "--numeric-owner", "-c", ".", NULL};
	struct nvb_command command = nvb_benchmark_command(benchmark, words);

	*pid = nvb_command_start(&command, fd, err);
	return *pid < 0 ? *pid : 0;
}

char *nvb_benchmark_quote(const char *const *argv)
{
	struct nvb_strbuf sb = {0};

	for (const char *const *word = argv; word && *word; word++) {
		bool plain = **word &&
			     !(*word)[strspn(*word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						    "0123456789-_=+,./:@%")];

		nvb_sb_add(&sb, word == argv ? "" : " ");
		if (plain) {
			nvb_sb_add(&sb, *word);
			continue;
		}
		nvb_sb_addc(&sb, '\'');
		for (const char *c = *word; *c; c++)
			if (*c == '\'')
				nvb_sb_add(&sb, "'\\''");
			else
				nvb_sb_addc(&sb, *c);
		nvb_sb_addc(&sb, '\'');
	}
	return nvb_sb_finish(&sb);
}
