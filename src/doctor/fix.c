/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "doctor/host.h"

/* Running the commands that checks name. */

/* What a word may consist of: it is a command line of our own table, with paths in it that the host has. */
static bool is_plain(const char *word)
{
	return strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%") ==
	       strlen(word);
}

static bool is_own_program(const char *word)
{
	return nvb_streq(word, "nvbind") || nvb_streq(word, "bolt");
}

/* nvbind lies beside bolt, wherever that is. */
static char *find(const struct nvb_doctor *d, const char *word)
{
	_cleanup_free_ char *beside = NULL, *self = NULL;

	if (!is_own_program(word))
		return nvb_doctor_find_program(word);
	self = d->options.bolt ? strdup(d->options.bolt) : realpath("/proc/self/exe", NULL);
	if (self && asprintf(&beside, "%s/%s", dirname(self), word) < 0)
		beside = NULL;
	return beside && access(beside, X_OK) == 0 ? NVB_TAKE_PTR(beside) : nvb_doctor_find_program(word);
}

static int run(const struct nvb_doctor *d, char **words, nvb_error **err)
{
	_cleanup_free_ char *program = find(d, words[0]);
	posix_spawn_file_actions_t actions;
	int rc, status = 0;
	pid_t pid;

	if (!program)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "%s is not installed", words[0]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	rc = posix_spawn(&pid, program, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return nvb_fail_errno(err, rc, "%s", program);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "%s", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return nvb_fail(err, NVB_ERR_SYSTEM, "%s was ended by signal %d", words[0], WTERMSIG(status));
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s ended with status %d", words[0], WEXITSTATUS(status));
}

static int run_one(const struct nvb_doctor *d, const char *command, nvb_error **err)
{
	const struct nvb_roots *roots = &d->inventory->roots;
	_cleanup_strv_ char **words = nvb_strv_split(command, " ");
	bool here = nvb_streq(roots->dev.path, "/") && nvb_streq(roots->driver.path, "/");

	if (!words || !words[0])
		return nvb_fail_oom(err);
	nvb_strv_foreach (word, words)
		if (!is_plain(*word))
			return nvb_fail(
				err, NVB_ERR_UNSUPPORTED, "'%s' is for a shell: run it yourself", command);
	if (is_own_program(words[0])) {
		nvb_strv_foreach (argument, d->options.arguments)
			if (!nvb_strv_add(&words, *argument))
				return nvb_fail_oom(err);
	} else if (!here) {
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "'%s' would change this host, and %s was looked at",
			command, roots->dev.path);
	}
	return run(d, words, err);
}

int nvb_doctor_fix(const struct nvb_doctor *d, const struct nvb_doctor_finding *finding, nvb_error **err)
{
	_cleanup_free_ char *rest = finding->command && finding->safe ? strdup(finding->command) : NULL;
	char *command = rest;

	if (!rest)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s is nothing to be mended without looking",
			finding->check->id);
	while (command) {
		char *next = strstr(command, " && ");
		int rc;

		if (next)
			*next = '\0';
		rc = run_one(d, command, err);
		if (rc < 0)
			return rc;
		command = next ? next + 4 : NULL;
	}
	return 0;
}
