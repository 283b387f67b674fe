/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/runtime.h"

/* One call of the OCI runtime. */

enum { LARGEST_LOG = 1 << 20 };

/* In the child, which may share our memory until it is the runtime: system calls and nothing else. */
static void become_runtime(const struct nvb_launch *launch, char *const argv[], pid_t parent)
{
	sigset_t none;

	/* A session of its own: the terminal's signals are for us to hand on. */
	setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++) {
		/* dup2 onto itself would leave the close-on-exec flag. */
		if (launch->stdio[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(launch->stdio[i], i) < 0)
			_exit(125);
	}
	if (launch->enter && !launch->enter(launch->enter_data))
		_exit(125);
	/* Behind the last change of who we are, which would undo it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	execve(argv[0], argv, launch->environment ? launch->environment : environ);
	_exit(125);
}

bool nvb_runtime_is_crun(const char *runtime)
{
	const char *slash = strrchr(runtime, '/');

	return nvb_after(slash ? slash + 1 : runtime, "crun") != NULL;
}

/* The log of CRIU comes to lie beside the bundle: what failed stands there (checkpoint/criu.h). */
static size_t add_restoring(const struct nvb_launch *launch, const char **argv)
{
	size_t n = 0;

	argv[n++] = "--image-path";
	argv[n++] = launch->images;
	argv[n++] = "--work-path";
	argv[n++] = launch->bundle;
	argv[n++] = "--file-locks";
	/* crun has no such option, and takes it from CRIU's configuration (checkpoint/criu.c). */
	if (launch->gives_up && !nvb_runtime_is_crun(launch->entry->runtime))
		argv[n++] = "--auto-dedup";
	if (launch->tcp)
		argv[n++] = "--tcp-established";
	return n;
}

int nvb_launch_begin(const struct nvb_launch *launch, nvb_error **err)
{
	const struct nvb_entry *entry = launch->entry;
	_cleanup_free_ char *log = NULL, *pid_file = NULL;
	const char *argv[24];
	pid_t parent = getpid(), pid;
	size_t n = 0;

	if (asprintf(&log, "%s/log", launch->bundle) < 0 || asprintf(&pid_file, "%s/pid", launch->bundle) < 0)
		return nvb_fail_oom(err);
	argv[n++] = entry->runtime;
	/* Without a group asked for, crun would make one where it happens to be. */
	if (!entry->cgroup && nvb_runtime_is_crun(entry->runtime))
		argv[n++] = "--cgroup-manager=disabled";
	for (const char *const *a = (const char *const[]){"--root", entry->runtime_root, "--log", log,
		     "--log-format", "json",
		     launch->process  ? "exec"
		     : launch->images ? "restore"
		     : launch->hold   ? "create"
				      : "run",
		     launch->process ? "--process" : "--bundle",
		     launch->process ? launch->process : launch->bundle, "--pid-file", pid_file, NULL};
		*a; a++)
		argv[n++] = *a;
	if (!launch->hold || launch->images)
		argv[n++] = "--detach";
	if (launch->images)
		n += add_restoring(launch, argv + n);
	if (launch->console) {
		argv[n++] = "--console-socket";
		argv[n++] = launch->console;
	}
	argv[n++] = entry->id;
	argv[n] = NULL;
	/* Not fork(): copying our page tables, and then every page that we touch, is a quarter of a
	 * millisecond of the start. */
	pid = launch->enter ? fork() : vfork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "starting %s", entry->runtime);
	if (pid == 0)
		become_runtime(launch, (char *const *)argv, parent);
	return pid;
}

int nvb_launch_start(const struct nvb_launch *launch, const char *program, nvb_error **err)
{
	const struct nvb_entry *entry = launch->entry;
	_cleanup_free_ char *log = NULL;
	const char *argv[12];
	struct nvb_launch alone = *launch;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t parent = getpid(), pid;
	int status = 0;
	size_t n = 0;

	if (null < 0)
		return nvb_fail_errno(err, errno, "/dev/null");
	if (asprintf(&log, "%s/log", launch->bundle) < 0)
		return nvb_fail_oom(err);
	argv[n++] = entry->runtime;
	if (!entry->cgroup && nvb_runtime_is_crun(entry->runtime))
		argv[n++] = "--cgroup-manager=disabled";
	for (const char *const *a = (const char *const[]){"--root", entry->runtime_root, "--log", log,
		     "--log-format", "json", "start", entry->id, NULL};
		*a; a++)
		argv[n++] = *a;
	argv[n] = NULL;
	for (int i = 0; i < 3; i++)
		alone.stdio[i] = null; /* the container has its streams already */
	pid = launch->enter ? fork() : vfork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "starting %s", entry->runtime);
	if (pid == 0)
		become_runtime(&alone, (char *const *)argv, parent);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	nvb_launch_failure(launch, status, program, "", err);
	return -NVB_ERR_SYSTEM;
}

int nvb_launch_init(const struct nvb_launch *launch, pid_t *init, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	uint32_t pid;
	int rc;

	if (asprintf(&path, "%s/pid", launch->bundle) < 0)
		return nvb_fail_oom(err);
	rc = nvb_file_read(AT_FDCWD, path, 32, &text, NULL, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s told no process", launch->entry->runtime);
	text[strcspn(text, "\n")] = '\0';
	if (!nvb_parse_u32(text, &pid) || pid < 2)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: '%s' is no process", path, text);
	*init = (pid_t)pid;
	return 0;
}

/* The last error in the runtime's log, a JSON object a line with "level" and "msg"; malloc'd or NULL. */
static char *logged_error(const char *bundle)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	char *found = NULL;

	if (asprintf(&path, "%s/log", bundle) < 0 ||
		nvb_file_read(AT_FDCWD, path, LARGEST_LOG, &text, NULL, NULL) < 0)
		return NULL;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		json_object *object = json_tokener_parse(line), *level = NULL, *message = NULL;

		if (json_object_is_type(object, json_type_object) &&
			json_object_object_get_ex(object, "level", &level) &&
			json_object_object_get_ex(object, "msg", &message) &&
			nvb_streq(json_object_get_string(level), "error")) {
			free(found);
			found = strdup(json_object_get_string(message));
		}
		json_object_put(object);
	}
	return found;
}

static bool contains(const char *text, const char *const *patterns)
{
	for (; *patterns; patterns++)
		if (strcasestr(text, *patterns))
			return true;
	return false;
}

/* What runc 1.1, crun 1.8 and 1.21 say when the program cannot be run; nothing but words tells it from their
 * other failures. */
static int classify(const char *message)
{
	static const char *const about_program[] = {
		"exec:", "executable", "exec user process", "not a regular file", NULL};
	static const char *const absent[] = {"not found", "no such file", NULL};
	static const char *const refused[] = {"permission denied", "not permitted", "is a directory",
		"exec format", "not a regular file", NULL};

	if (!contains(message, about_program))
		return 125;
	return contains(message, absent) ? 127 : contains(message, refused) ? 126 : 125;
}

/* The last line that is not empty; malloc'd or NULL. */
static char *last_line(const char *text)
{
	const char *end = text + strlen(text), *start;

	while (end > text && strchr(" \n\r\t", end[-1]))
		end--;
	start = end;
	while (start > text && start[-1] != '\n')
		start--;
	return start < end ? strndup(start, (size_t)(end - start)) : NULL;
}

int nvb_launch_failure(const struct nvb_launch *launch, int wait_status, const char *program,
	const char *said, nvb_error **err)
{
	const char *runtime = launch->entry->runtime;
	_cleanup_free_ char *logged = logged_error(launch->bundle);
	_cleanup_free_ char *printed = logged ? NULL : last_line(said);
	const char *message = logged ? logged : printed;
	int status = message ? classify(message) : 125;

	if (status == 127)
		nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "'%s' is not in the container", program),
			"'bolt image inspect' says what an image runs by itself");
	else if (status == 126)
		nvb_fail(err, NVB_ERR_PERMISSION, "'%s' cannot be executed in the container: %s", program,
			strcasestr(message, "is a directory")	    ? "it is a directory"
			: strcasestr(message, "not a regular file") ? "it is no file"
			: strcasestr(message, "exec format")	    ? "it is not a program for this machine"
								    : "permission denied");
	else if (message)
		nvb_fail(err, NVB_ERR_SYSTEM, "%s: %s", runtime, message);
	else if (WIFSIGNALED(wait_status))
		nvb_fail(err, NVB_ERR_SYSTEM, "%s was killed by signal %d", runtime, WTERMSIG(wait_status));
	else
		nvb_fail(err, NVB_ERR_SYSTEM, "%s failed with status %d and no message", runtime,
			WEXITSTATUS(wait_status));
	return status;
}
