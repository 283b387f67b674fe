/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/criu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/runtime.h"
#include "checkpoint/criu_rpc.h"

/* Which CRIU there is, and whether it works. */

void nvb_criu_release(struct nvb_criu *criu)
{
	free(criu->path);
	free(criu->problem);
	free(criu->version);
	*criu = (struct nvb_criu){0};
}

/* One question to a CRIU of its own; *said is what it printed of a failure. */
static int ask(const char *path, enum nvb_criu_type type, struct nvb_criu_answer *answer, nvb_error **err)
{
	_cleanup_close_ int socket = -1;
	int status, rc;
	pid_t pid;

	rc = nvb_criu_start(path, NULL, &pid, &socket, err);
	if (rc < 0)
		return rc;
	rc = nvb_criu_ask(socket, type, NULL, err);
	if (rc == 0)
		rc = nvb_criu_read(socket, answer, err);
	close(NVB_TAKE_FD(socket));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc;
}

/* The last line that `criu check` prints: why it does not work. malloc'd, or NULL. */
static char *explain(const char *path)
{
	char text[8192], *line, *end;
	size_t used = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return NULL;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (null < 0 || dup2(null, 0) < 0 || dup2(fds[1], 1) < 0 || dup2(fds[1], 2) < 0)
			_exit(125);
		execl(path, path, "check", NULL);
		_exit(127);
	}
	close(fds[1]);
	while (pid > 0 && used + 1 < sizeof(text) &&
		((n = read(fds[0], text + used, sizeof(text) - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	text[used] = '\0';
	while (used && strchr(" \r\n", text[used - 1]))
		text[--used] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	/* "Error (criu/vdso.c:658): vdso: ..." */
	end = strstr(line, "): ");
	if (end)
		line = end + 3;
	return *line ? strdup(line) : NULL;
}

static bool hold_version(struct nvb_criu *criu, const struct nvb_criu_answer *answer)
{
	criu->version = malloc(2 * answer->version_size + 1);
	if (!criu->version)
		return false;
	*criu->version = '\0';
	for (size_t i = 0; i < answer->version_size; i++)
		snprintf(criu->version + 2 * i, 3, "%02x", answer->version[i]);
	return true;
}

static int try_it(struct nvb_criu *criu, nvb_error **err)
{
	struct nvb_criu_answer answer = {0};
	_cleanup_error_ nvb_error *why = NULL;

	if (ask(criu->path, NVB_CRIU_VERSION, &answer, &why) < 0) {
		criu->problem = strdup("it does not speak CRIU's protocol");
		return criu->problem ? 0 : nvb_fail_oom(err);
	}
	criu->major = answer.major;
	criu->minor = answer.minor;
	if (!hold_version(criu, &answer))
		return nvb_fail_oom(err);
	nvb_error_free(NVB_TAKE_PTR(why));
	if (ask(criu->path, NVB_CRIU_CHECK, &answer, &why) == 0 && answer.success)
		return 0;
	criu->problem = explain(criu->path);
	if (!criu->problem)
		criu->problem = strdup("its own check fails");
	return criu->problem ? 0 : nvb_fail_oom(err);
}

/* What is remembered: "<boot id> <path> <mtime> <size> <major> <minor> <version>". */

static char *memory_key(const char *path)
{
	_cleanup_free_ char *boot = NULL;
	struct stat st;
	char *key;

	if (stat(path, &st) < 0 ||
		nvb_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot, NULL, NULL) < 0)
		return NULL;
	boot[strcspn(boot, "\n")] = '\0';
	return asprintf(&key, "%s %s %lld%09ld %lld ", boot, path, (long long)st.st_mtim.tv_sec,
		       st.st_mtim.tv_nsec, (long long)st.st_size) < 0
		       ? NULL
		       : key;
}

static bool recall(const char *run, const char *key, struct nvb_criu *criu)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	const char *rest;
	int used = 0;

	if (asprintf(&path, "%s/criu", run) < 0 ||
		nvb_file_read(AT_FDCWD, path, 1 << 14, &text, NULL, NULL) < 0)
		return false;
	rest = nvb_after(text, key);
	/* What failed once may have lacked memory or a right then: it is asked again. */
	if (!rest || sscanf(rest, "%u %u %n", &criu->major, &criu->minor, &used) != 2 || !used)
		return false;
	criu->version = strndup(rest + used, strspn(rest + used, "0123456789abcdef"));
	return criu->version;
}

static void remember(const char *run, const char *key, const struct nvb_criu *criu)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	if (criu->problem || asprintf(&path, "%s/criu", run) < 0)
		return;
	if (asprintf(&text, "%s%u %u %s\n", key, criu->major, criu->minor, criu->version) >= 0)
		nvb_file_write_unflushed(AT_FDCWD, path, text, strlen(text), 0600, NULL);
}

int nvb_criu_find(const char *configured, const char *run, struct nvb_criu *out, nvb_error **err)
{
	_cleanup_criu_ struct nvb_criu criu = {.path = nvb_runtime_find(configured ? configured : "criu")};
	_cleanup_free_ char *key = NULL;
	int rc = 0;

	if (!criu.path && configured) {
		if (asprintf(&criu.problem, "%s: no such program", configured) < 0)
			return nvb_fail_oom(err);
	} else if (criu.path) {
		key = memory_key(criu.path);
		if (!run || !key || !recall(run, key, &criu)) {
			rc = try_it(&criu, err);
			if (rc == 0 && run && key)
				remember(run, key, &criu);
		}
	}
	if (rc < 0)
		return rc;
	*out = criu;
	criu = (struct nvb_criu){0};
	return 0;
}

int nvb_criu_require(const struct nvb_criu *criu, nvb_error **err)
{
	if (criu->path && !criu->problem)
		return 0;
	if (!criu->path && !criu->problem)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "CRIU, which saves processes, is not installed"),
			"install criu 4.0 or later, or name one: snapshots.criu in the configuration");
	if (!criu->path)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "CRIU: %s", criu->problem),
			"the configuration's snapshots.criu names it");
	nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s %u.%u does not work on this kernel: %s", criu->path,
		criu->major, criu->minor, criu->problem);
	return nvb_hint(err, -NVB_ERR_UNSUPPORTED,
		"'%s check' says more; kernels from 6.9 on need CRIU 4 or later", criu->path);
}

/* A file of ours for CRIU, beside the link. */
static bool put_file(const char *links, const char *name, const char *text)
{
	_cleanup_free_ char *path = NULL;

	return asprintf(&path, "%s/%s", links, name) >= 0 &&
	       nvb_file_write_unflushed(AT_FDCWD, path, text, strlen(text), 0644, NULL) == 0;
}

/* What the capsule must not write to. Its mount forbids it (capsule/staged.h says why that one must). */
static bool protect(const char *path)
{
	const unsigned long flags = MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	return mount(path, path, NULL, MS_BIND, NULL) == 0 &&
	       mount(NULL, path, NULL, MS_REMOUNT | flags, NULL) == 0;
}

/* Masks directories. By that name it is known again, should the capsule be saved once more. */
static bool map_empty(const char *links, struct nvb_strbuf *config)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/.empty-directory", links) < 0 || mkdir(path, 0555) < 0 || !protect(path))
		return false;
	nvb_sb_addf(config, "external mnt[" NVB_CRIU_EMPTY "]:%s\n", path);
	return true;
}

static bool map_params(const char *links, const char *params, struct nvb_strbuf *config)
{
	_cleanup_free_ char *path = NULL;

	if (!put_file(links, "params", params) || asprintf(&path, "%s/params", links) < 0 || !protect(path))
		return false;
	nvb_sb_addf(config, "external mnt[" NVB_CRIU_PARAMS "]:%s\n", path);
	return true;
}

/* Of each hierarchy of v1 the capsule's own group, as it was before: runtimes give their own, and with it the
 * host's. */
static void map_hierarchies(const char *cgroup, struct nvb_strbuf *config)
{
	_cleanup_closedir_ DIR *top = opendir("/sys/fs/cgroup");
	const struct dirent *entry;

	while (top && cgroup && (entry = readdir(top)))
		if (entry->d_type == DT_DIR && *entry->d_name != '.')
			nvb_sb_addf(config, "external mnt[" NVB_CRIU_HIERARCHY "%s]:/sys/fs/cgroup/%s%s\n",
				entry->d_name, entry->d_name, cgroup);
}

/*
 * What stands in images for mounts that no config.json names, and for those which the runtime that restores
 * may not call as they were called when they were taken: runc calls every masked file by the null device, as
 * externals.c does, and crun each by its own path.
 */
static bool configure(const struct nvb_criu_use *use, char ***env)
{
	_cleanup_strbuf_ struct nvb_strbuf config = {0};

	if (use->gives_up)
		nvb_sb_add(&config, "auto-dedup\n");
	nvb_sb_add(&config, "external mnt[/dev/null]:/dev/null\n");
	map_hierarchies(use->cgroup, &config);
	return map_empty(use->links, &config) &&
	       (!use->params || map_params(use->links, use->params, &config)) && !config.failed &&
	       put_file(use->links, "criu.conf", config.s) &&
	       nvb_strv_addf(env, "CRIU_CONFIG_FILE=%s/criu.conf", use->links);
}

/* A link in that directory; one that is there goes. */
static bool put_link(const char *links, const char *name, const char *target)
{
	_cleanup_free_ char *path = NULL;

	return asprintf(&path, "%s/%s", links, name) >= 0 && (unlink(path) == 0 || errno == ENOENT) &&
	       symlink(target, path) == 0;
}

static bool make_directory(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* What runtimes ask first, CRIU has answered when it was found; and an answer is all that bolt-criu needs. */
static bool put_version(const struct nvb_criu_use *use)
{
	_cleanup_strbuf_ struct nvb_strbuf answer = {0};
	_cleanup_free_ char *path = NULL;
	unsigned char version[sizeof(((struct nvb_criu_answer *)NULL)->version)];
	size_t n = use->version ? strlen(use->version) / 2 : 0;

	if (!n || n > sizeof(version))
		return true;
	for (size_t i = 0; i < n; i++)
		if (sscanf(use->version + 2 * i, "%2hhx", &version[i]) != 1)
			return false;
	nvb_criu_put_number(&answer, 1, NVB_CRIU_VERSION);
	nvb_criu_put_number(&answer, 2, true);
	nvb_criu_put_bytes(&answer, 10, version, n);
	return !answer.failed && asprintf(&path, "%s/version", use->links) >= 0 &&
	       nvb_file_write_unflushed(AT_FDCWD, path, answer.s, answer.len, 0600, NULL) == 0;
}

/* The files by which bolt-criu goes (tools/bolt-criu/main.c). */
static bool put_front(const struct nvb_criu_use *use)
{
	_cleanup_free_ char *behind = NULL;

	return asprintf(&behind, "%s/behind", use->links) >= 0 && make_directory(behind) &&
	       put_link(behind, "criu", use->criu) && put_link(use->links, "next", use->criu) &&
	       put_link(use->links, "whole", use->whole) && put_version(use);
}

char **nvb_criu_environment(const struct nvb_criu_use *use)
{
	_cleanup_strv_ char **env = NULL;
	const char *path = getenv("PATH");
	/* runc 1.2 knows no --criu any more, crun never did: both look for it by name. */
	bool ok = make_directory(use->links) &&
		  put_link(use->links, "criu", use->front ? use->front : use->criu) &&
		  (!use->front || put_front(use));

	for (char *const *e = environ; ok && *e; e++)
		if (!nvb_after(*e, "PATH=") && !nvb_after(*e, "CRIU_"))
			ok = nvb_strv_add(&env, *e);
	/* There are no plugins in that directory, which is what is wanted. */
	ok = ok &&
	     nvb_strv_addf(&env, "PATH=%s:%s", use->links, path ? path : "/usr/sbin:/usr/bin:/sbin:/bin") &&
	     nvb_strv_addf(&env, "CRIU_LIBS_DIR=%s", use->links) && configure(use, &env);
	return ok ? NVB_TAKE_PTR(env) : NULL;
}
