/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/runtime_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "capsule/record.h"

/* In the child. */
static _Noreturn void become(
	const struct nvb_entry *entry, const char *verb, const char *const *option, int said)
{
	const char *argv[8] = {entry->runtime, "--root", entry->runtime_root, verb};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), n = 4;

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(said, 2) < 0)
		_exit(125);
	for (; option && *option; option++)
		argv[n++] = *option;
	argv[n++] = entry->id;
	argv[n] = NULL;
	execv(entry->runtime, (char *const *)argv);
	_exit(125);
}

/* "time=... level=error msg=\"...\"" of runc, "... : ..." of crun: the words behind msg, or the last line. */
static const char *message_of(char *text)
{
	char *message, *end = text + strlen(text);

	while (end > text && strchr(" \r\n", end[-1]))
		*--end = '\0';
	message = strstr(text, "msg=\"");
	if (message) {
		message += strlen("msg=\"");
		message[strcspn(message, "\"\n")] = '\0';
		return message;
	}
	message = strrchr(text, '\n');
	return message ? message + 1 : text;
}

static void read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size &&
		((n = read(fd, text + used, size - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	text[used] = '\0';
}

int nvb_runtime_call(
	const struct nvb_entry *entry, const char *verb, const char *const *option, nvb_error **err)
{
	char said[4096];
	int fds[2], status;
	pid_t pid;

	if (!entry->runtime)
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule does not run");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	pid = fork();
	if (pid == 0)
		become(entry, verb, option, fds[1]);
	close(fds[1]);
	if (pid > 0)
		read_all(fds[0], said, sizeof(said));
	close(fds[0]);
	if (pid < 0)
		return nvb_fail_errno(err, errno, "starting %s", entry->runtime);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", entry->runtime);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s %s: %s", entry->runtime, verb,
		*said ? message_of(said) : "failed without a message");
}

static void add_cpu(const struct nvb_resources *r, const char *near, struct nvb_strbuf *out)
{
	enum { PERIOD_US = 100000 };
	const char *cpus = r->cpuset_cpus ? r->cpuset_cpus : near, *comma = "";

	if (!cpus && !r->cpuset_mems && !r->nano_cpus && !r->cpu_shares)
		return;
	nvb_sb_add(out, ",\"cpu\":{");
	if (r->nano_cpus) {
		nvb_sb_addf(out, "\"period\":%d,\"quota\":%llu", PERIOD_US,
			(unsigned long long)(r->nano_cpus / (1000000000 / PERIOD_US)));
		comma = ",";
	}
	if (r->cpu_shares) {
		nvb_sb_addf(out, "%s\"shares\":%llu", comma, (unsigned long long)r->cpu_shares);
		comma = ",";
	}
	if (cpus) {
		nvb_sb_addf(out, "%s\"cpus\":", comma);
		nvb_sb_add_json(out, cpus);
		comma = ",";
	}
	if (r->cpuset_mems) {
		nvb_sb_addf(out, "%s\"mems\":", comma);
		nvb_sb_add_json(out, r->cpuset_mems);
	}
	nvb_sb_addc(out, '}');
}

static long long or_unlimited(uint64_t value)
{
	return value == UINT64_MAX ? -1 : (long long)value;
}

void nvb_resources_write(const struct nvb_resources *r, const char *near, struct nvb_strbuf *out)
{
	if (r->memory) {
		nvb_sb_addf(out, ",\"memory\":{\"limit\":%lld", or_unlimited(r->memory));
		/* As docker: as much swap again where nothing is said. */
		nvb_sb_addf(out, ",\"swap\":%lld}",
			r->memory_swap ? or_unlimited(r->memory_swap) : (long long)(2 * r->memory));
	}
	add_cpu(r, near, out);
	if (r->pids)
		nvb_sb_addf(out, ",\"pids\":{\"limit\":%lld}", or_unlimited(r->pids));
}

int nvb_runtime_update(const struct nvb_entry *entry, const struct nvb_resources *resources, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, "resources.json");
	_cleanup_strbuf_ struct nvb_strbuf members = {0}, text = {0};
	int rc;

	nvb_resources_write(resources, NULL, &members);
	if (!members.len)
		return members.failed ? nvb_fail_oom(err) : 0;
	if (!entry->cgroup)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"limits need a control group, which a capsule run without root has not");
	nvb_sb_addf(&text, "{%s}\n", members.s + 1);
	if (!path || text.failed)
		return nvb_fail_oom(err);
	rc = nvb_file_write_unflushed(AT_FDCWD, path, text.s, text.len, 0600, err);
	if (rc == 0)
		rc = nvb_runtime_call(entry, "update", (const char *const[]){"--resources", path, NULL}, err);
	unlink(path);
	return rc;
}
