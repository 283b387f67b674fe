/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/sibling.h"
#include "config.h"

const char *pull_authfile;
int pull_tls_verify = 1;

int find_helper(const char *name, char **path, nvb_error **err)
{
	char *found = nvb_sibling_program(name, NVB_LIBEXECDIR);

	if (!found)
		return nvb_fail_oom(err);
	if (access(found, X_OK) < 0) {
		free(found);
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "the program %s is neither beside bolt nor in %s",
			name, NVB_LIBEXECDIR);
	}
	*path = found;
	return 0;
}

int become_helper(const char *name, const char *verb, int argc, char **argv, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char **all = calloc((size_t)argc + 3, sizeof(*all));
	int rc = find_helper(name, &path, err), n = 0;

	if (rc < 0)
		return rc;
	if (!all)
		return nvb_fail_oom(err);
	all[n++] = path;
	if (verb)
		all[n++] = (char *)verb;
	memcpy(all + n, argv, (size_t)argc * sizeof(*argv));
	execv(path, all);
	return nvb_fail_errno(err, errno, "%s", path);
}

int pull_image(const char *reference, nvb_error **err)
{
	char *argv[7] = {(char *)"pull"};
	int status, argc = 1;
	pid_t pid;

	if (!pull_tls_verify)
		argv[argc++] = (char *)"--tls-verify=false";
	if (pull_authfile) {
		argv[argc++] = (char *)"--authfile";
		argv[argc++] = (char *)pull_authfile;
	}
	argv[argc++] = (char *)"--";
	argv[argc++] = (char *)reference;

	pid = fork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "starting bolt-image");
	if (pid == 0) {
		_cleanup_error_ nvb_error *why = NULL;

		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			become_helper("bolt-image", NULL, argc, argv, &why);
		dprintf(STDERR_FILENO, "bolt: %s\n",
			why ? nvb_error_message(why) : "cannot start bolt-image");
		_exit(125);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for bolt-image");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* It has said why itself, unless it could not. */
	if (WIFSIGNALED(status))
		return nvb_fail(err, NVB_ERR_CANCELLED, "pulling %s was stopped by signal %d", reference,
			WTERMSIG(status));
	return -NVB_ERR_SYSTEM;
}
