/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "bolt/manager.h"

/* Starting the program bolt: what changes namespaces and signal handlers must be another process's business.
 */

extern char **environ;

static bool add(char ***words, const char *word)
{
	return nvb_strv_add(words, word);
}

static bool add_option(char ***words, const char *option, const char *value)
{
	return !value || (add(words, option) && add(words, value));
}

/* bolt finds the same host as this manager. */
static bool add_roots(char ***words, const struct nvb_inventory_options *host)
{
	bool ok = add_option(words, "--root", host->root) &&
		  add_option(words, "--driver-root", host->driver_root) &&
		  add_option(words, "--dev-root", host->dev_root) &&
		  add_option(words, "--proc-root", host->proc_root) &&
		  add_option(words, "--sys-root", host->sys_root);

	for (const char *const *directory = host->library_path; ok && directory && *directory; directory++)
		ok = add_option(words, "--library-path", *directory);
	return ok;
}

static int command_line(const nvb_manager *manager, const char *image, const char *const *command,
	const char *gpus, char ***words, nvb_error **err)
{
	bool ok;

	/* Behind it the words are the container's; before it they would be ours. */
	if (!*image || *image == '-')
		return nvb_fail(err, NVB_ERR_INVALID, "image '%s': not a name", image);
	ok = add(words, manager->bolt) && add_roots(words, &manager->host) && add(words, "surge") &&
	     add(words, "run") && add(words, "--rm") && add_option(words, "--gpu-runtime", "nvbind") &&
	     add_option(words, "--gpu", gpus) && add(words, image);
	for (; ok && command && *command; command++)
		ok = add(words, *command);
	return ok ? 0 : nvb_fail_oom(err);
}

/* The child gets signals as a shell's does: whatever this program ignores or blocks is its own affair (a
 * program in Rust ignores SIGPIPE). */
static int spawn(char *const *words, pid_t *pid, nvb_error **err)
{
	posix_spawnattr_t attributes;
	sigset_t none, some;
	int sys;

	sigemptyset(&none);
	sigemptyset(&some);
	sigaddset(&some, SIGPIPE);
	sigaddset(&some, SIGCHLD);
	sys = posix_spawnattr_init(&attributes);
	if (sys)
		return nvb_fail_errno(err, sys, "starting %s", words[0]);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &some);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	sys = posix_spawn(pid, words[0], NULL, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
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

int nvb_manager_run(nvb_manager *manager, const char *image, const char *const *command, const char *gpus,
	int *status, nvb_error **err)
{
	enum { OUR_FAILURE = 125 };
	_cleanup_strv_ char **words = NULL;
	int ended = 0, rc = command_line(manager, image, command, gpus, &words, err);
	pid_t pid;

	if (rc == 0)
		rc = spawn(words, &pid, err);
	if (rc == 0)
		rc = wait_for(pid, &ended, err);
	if (rc < 0)
		return rc;
	if (ended == OUR_FAILURE)
		return nvb_fail(err, NVB_ERR_SYSTEM,
			"bolt could not run %s; it has said why on standard error (or the program ended with "
			"125)",
			image);
	*status = ended;
	return 0;
}
