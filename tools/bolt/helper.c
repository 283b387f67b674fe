/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "config.h"

int find_helper(const char *name, char **path, nvb_error **err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *found;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (int i = slash ? 0 : 1; i < 2; i++) {
		int length = slash ? (int)(slash - self) : 0;

		if ((i == 0 ? asprintf(&found, "%.*s/%s", length, self, name)
			    : asprintf(&found, "%s/%s", NVB_LIBEXECDIR, name)) < 0)
			return nvb_fail_oom(err);
		if (access(found, X_OK) == 0) {
			*path = found;
			return 0;
		}
		free(found);
	}
	return nvb_fail(err, NVB_ERR_NOT_FOUND, "the program %s is neither beside bolt nor in %s", name,
		NVB_LIBEXECDIR);
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
	char *argv[] = {(char *)"pull", (char *)"--", (char *)reference, NULL};
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return nvb_fail_errno(err, errno, "starting bolt-image");
	if (pid == 0) {
		_cleanup_error_ nvb_error *why = NULL;

		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			become_helper("bolt-image", NULL, 3, argv, &why);
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
