/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/probe.h"

/* What is remembered of the runtimes: "boot <boot id>", then a line for each: "<path> <mtime in ns> <size>
 * works" or "... fails <reason>". */
struct memory {
	char *boot;
	char **lines;
};

static void release_memory(struct memory *memory)
{
	free(memory->boot);
	nvb_strv_free(memory->lines);
}

static char *memory_path(const struct nvb_state *state)
{
	char *path;

	return asprintf(&path, "%s/runtimes", state->run) < 0 ? NULL : path;
}

/* A memory that cannot be read, or is of another boot, is an empty one. */
static int recall(const struct nvb_state *state, struct memory *memory, nvb_error **err)
{
	_cleanup_free_ char *path = memory_path(state), *text = NULL;
	int rc = nvb_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &memory->boot, NULL, err);

	if (rc < 0)
		return rc;
	memory->boot[strcspn(memory->boot, "\n")] = '\0';
	if (!path)
		return nvb_fail_oom(err);
	if (nvb_file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL) < 0)
		return 0;
	memory->lines = nvb_strv_split(text, "\n");
	if (!memory->lines)
		return nvb_fail_oom(err);
	if (!memory->lines[0] || !nvb_after(memory->lines[0], "boot ") ||
		!nvb_streq(memory->lines[0] + strlen("boot "), memory->boot)) {
		nvb_strv_free(memory->lines);
		memory->lines = NULL;
	}
	return 0;
}

static int remember(const struct nvb_state *state, struct memory *memory, const char *line, nvb_error **err)
{
	_cleanup_free_ char *path = memory_path(state), *temporary = NULL;
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_close_ int fd = -1;
	int rc;

	if ((!memory->lines && !nvb_strv_addf(&memory->lines, "boot %s", memory->boot)) ||
		!nvb_strv_add(&memory->lines, line) || !path ||
		asprintf(&temporary, "%s.%d", path, getpid()) < 0)
		return nvb_fail_oom(err);
	nvb_strv_foreach (l, memory->lines)
		nvb_sb_addf(&text, "%s\n", *l);
	if (text.failed)
		return nvb_fail_oom(err);
	/* Renamed but not flushed: it need not outlive this boot. */
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, text.s, text.len);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	return rc < 0 ? nvb_fail_errno(err, -rc, "remembering which runtime works in %s", path) : 0;
}

char *nvb_runtime_find(const char *name)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **directories = NULL;
	char *found;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? realpath(name, NULL) : NULL;
	directories = nvb_strv_split(path ? path : "", ":");
	/* An ordinary user's PATH mostly lacks sbin, where Debian keeps runc. */
	for (const char *const *d = (const char *const[]){"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		     "/usr/bin", NULL};
		*d; d++)
		if (!nvb_strv_contains(directories, *d) && !nvb_strv_add(&directories, *d))
			return NULL;
	nvb_strv_foreach (d, directories) {
		if (**d != '/')
			continue;
		if (asprintf(&found, "%s/%s", *d, name) < 0)
			return NULL;
		if (access(found, X_OK) == 0)
			return found;
		free(found);
	}
	return NULL;
}

/* 1 works, 0 fails (with *reason), negated code on error. */
static int works(const struct nvb_state *state, struct memory *memory, const char *path, char **reason,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *key = NULL, *line = NULL;
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (asprintf(&key, "%s %lld%09ld %lld ", path, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		    (long long)st.st_size) < 0)
		return nvb_fail_oom(err);
	nvb_strv_foreach (l, memory->lines) {
		const char *said = nvb_after(*l, key);

		if (!said)
			continue;
		if (nvb_streq(said, "works"))
			return 1;
		*reason = strdup(nvb_after(said, "fails ") ? said + strlen("fails ") : said);
		return *reason ? 0 : nvb_fail_oom(err);
	}
	nvb_debug(log, "trying whether %s works on this host", path);
	rc = nvb_runtime_probe(state, path, log, &why);
	if (rc == -NVB_ERR_CANCELLED || rc == -NVB_ERR_NO_MEMORY) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	if (rc < 0) {
		*reason = strdup(nvb_error_message(why));
		if (!*reason)
			return nvb_fail_oom(err);
		for (char *p = *reason; *p; p++)
			if (*p == '\n')
				*p = ' ';
	}
	if (asprintf(&line, "%s%s%s", key, rc < 0 ? "fails " : "works", rc < 0 ? *reason : "") < 0)
		return nvb_fail_oom(err);
	rc = remember(state, memory, line, err);
	return rc < 0 ? rc : *reason == NULL;
}

static bool has_failures(const struct memory *memory)
{
	nvb_strv_foreach (l, memory->lines)
		if (strstr(*l, " fails "))
			return true;
	return false;
}

static void forget_failures(struct memory *memory)
{
	char **kept = memory->lines;

	nvb_strv_foreach (l, memory->lines) {
		if (strstr(*l, " fails "))
			free(*l);
		else
			*kept++ = *l;
	}
	if (kept)
		*kept = NULL;
}

/* The first candidate that works: 1 with *out, 0 when there is none, negated code on error. */
static int first_that_works(const struct nvb_state *state, struct memory *memory, char *const *candidates,
	char **out, struct nvb_strbuf *failures, struct nvb_strbuf *absent, const struct nvb_log *log,
	nvb_error **err)
{
	nvb_strv_foreach (name, candidates) {
		_cleanup_free_ char *path = nvb_runtime_find(*name), *reason = NULL;
		int rc;

		if (!path) {
			nvb_sb_addf(absent, "%s%s", absent->len ? ", " : "", *name);
			continue;
		}
		rc = works(state, memory, path, &reason, log, err);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			*out = NVB_TAKE_PTR(path);
			return 1;
		}
		nvb_info(log, "%s does not work on this host: %s", path, reason);
		nvb_sb_addf(failures, "%s%s", failures->len ? "; " : "", reason);
	}
	return 0;
}

int nvb_runtime_choose(const struct nvb_state *state, char *const *candidates, char **out,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_(release_memory) struct memory memory = {0};
	_cleanup_strbuf_ struct nvb_strbuf failures = {0}, absent = {0};
	int rc = recall(state, &memory, err);
	bool recalled;

	if (rc < 0)
		return rc;
	recalled = has_failures(&memory);
	rc = first_that_works(state, &memory, candidates, out, &failures, &absent, log, err);
	/* What failed once may have lacked space or memory then: no reason to refuse for all time. */
	if (rc == 0 && recalled) {
		forget_failures(&memory);
		nvb_sb_release(&failures);
		nvb_sb_release(&absent);
		rc = first_that_works(state, &memory, candidates, out, &failures, &absent, log, err);
	}
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (failures.len)
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "no OCI runtime works on this host: %s", failures.s);
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_NOT_FOUND, "no OCI runtime found (looked for %s)",
			absent.len ? absent.s : "none"),
		"install crun or runc, or name one with --runtime");
}

/* What `crun --version` says of what it was built with. */
static bool says_criu(const char *path)
{
	char text[4096];
	size_t used = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		if (dup2(fds[1], 1) < 0)
			_exit(125);
		execl(path, path, "--version", NULL);
		_exit(127);
	}
	close(fds[1]);
	while (pid > 0 && used + 1 < sizeof(text) &&
		((n = read(fds[0], text + used, sizeof(text) - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	close(fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	text[used] = '\0';
	return strstr(text, "+CRIU");
}

bool nvb_runtime_restores(const char *name)
{
	_cleanup_free_ char *path = nvb_runtime_find(name);
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (!slash)
		return false;
	return nvb_after(slash + 1, "runc") || (nvb_after(slash + 1, "crun") && says_criu(path));
}
