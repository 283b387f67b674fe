/* SPDX-License-Identifier: Apache-2.0 */
#include "bolt/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/str.h"

/* Starting the program bolt: what changes namespaces and signal handlers must be another process's business.
 */

extern char **environ;

bool nvb_bolt_word(char ***words, const char *word)
{
	return nvb_strv_add(words, word);
}

bool nvb_bolt_option(char ***words, const char *option, const char *value)
{
	return !value || (nvb_strv_add(words, option) && nvb_strv_add(words, value));
}

bool nvb_bolt_begin(char ***words, const nvb_manager *manager)
{
	const struct nvb_inventory_options *host = &manager->host;
	const struct {
		const char *option, *value;
	} roots[] = {{"--root", host->root}, {"--driver-root", host->driver_root},
		{"--dev-root", host->dev_root}, {"--proc-root", host->proc_root},
		{"--sys-root", host->sys_root}};
	bool ok = nvb_bolt_word(words, manager->bolt);

	for (size_t i = 0; i < NVB_ELEMENTS(roots); i++)
		ok = ok && nvb_bolt_option(words, roots[i].option, roots[i].value);
	for (const char *const *directory = host->library_path; ok && directory && *directory; directory++)
		ok = nvb_bolt_option(words, "--library-path", *directory);
	return ok;
}

/* Where a child's streams go; NULL: where the caller's do. */
struct streams {
	int out, err;
};

/* The child gets signals as a shell's does: whatever this program ignores or blocks is its own affair (a
 * program in Rust ignores SIGPIPE). */
static int spawn_with(char *const *words, const struct streams *streams, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, some;
	int sys;

	sigemptyset(&none);
	sigemptyset(&some);
	sigaddset(&some, SIGPIPE);
	sigaddset(&some, SIGCHLD);
	sys = posix_spawnattr_init(&attributes);
	if (sys)
		return sys;
	sys = posix_spawn_file_actions_init(&actions);
	if (!sys && streams)
		sys = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!sys && streams)
		sys = posix_spawn_file_actions_adddup2(&actions, streams->out, 1);
	if (!sys && streams)
		sys = posix_spawn_file_actions_adddup2(&actions, streams->err, 2);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &some);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!sys)
		sys = posix_spawn(pid, words[0], &actions, &attributes, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return sys;
}

static int start(char *const *words, const struct streams *streams, pid_t *pid, nvb_error **err)
{
	int sys = spawn_with(words, streams, pid);

	if (sys == ENOENT)
		return nvb_hint(err, nvb_fail_errno(err, sys, "starting %s", words[0]),
			"install bolt, or name it in nvb_bolt_config.bolt");
	return sys ? nvb_fail_errno(err, sys, "starting %s", words[0]) : 0;
}

static int wait_for(pid_t pid, int *status, nvb_error **err)
{
	int ended;

	while (waitpid(pid, &ended, 0) < 0)
		if (errno != EINTR)
			return nvb_hint(err,
				nvb_fail_errno(err, errno, "waiting for bolt, process %d", (int)pid),
				"this program must neither ignore SIGCHLD nor wait for children that are not "
				"its own");
	*status = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
	return 0;
}

static int read_back(int fd, char **text, nvb_error **err)
{
	enum { LARGEST = 1 << 20 };

	if (lseek(fd, 0, SEEK_SET) < 0)
		return nvb_fail_errno(err, errno, "what bolt said");
	return nvb_file_read_fd(fd, "what bolt said", LARGEST, text, NULL, err);
}

/* bolt's last line is why it failed: "bolt: what (hint)". */
static int failure(char *text, int status, nvb_error **err)
{
	size_t n = strlen(text);
	const char *line;

	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s",
		*line	       ? line
		: status > 128 ? "a signal ended bolt"
			       : "bolt failed");
}

static int call_and_listen(char *const *words, char **said, int *status, nvb_error **err)
{
	/* Files, not pipes: a capsule that goes on may hold them, and nobody must wait for it. */
	_cleanup_close_ int out = memfd_create("bolt-out", MFD_CLOEXEC),
			    why = memfd_create("bolt-err", MFD_CLOEXEC);
	const struct streams streams = {out, why};
	_cleanup_free_ char *complaint = NULL;
	pid_t pid;
	int rc;

	if (out < 0 || why < 0)
		return nvb_fail_errno(err, errno, "starting %s", words[0]);
	rc = start(words, &streams, &pid, err);
	if (rc == 0)
		rc = wait_for(pid, status, err);
	if (rc == 0 && *status != 0) {
		rc = read_back(why, &complaint, err);
		return rc < 0 ? rc : failure(complaint, *status, err);
	}
	return rc < 0 ? rc : read_back(out, said, err);
}

int nvb_bolt_call(char *const *words, char **said, int *status, nvb_error **err)
{
	pid_t pid;
	int rc;

	if (said)
		return call_and_listen(words, said, status, err);
	rc = start(words, NULL, &pid, err);
	return rc < 0 ? rc : wait_for(pid, status, err);
}
