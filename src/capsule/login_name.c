/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/login_name.h"

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"

static char *find(FILE *file, uid_t uid)
{
	const struct passwd *user;

	while ((user = fgetpwent(file)))
		if (user->pw_uid == uid)
			return strdup(user->pw_name);
	return NULL;
}

/* getent's output, a line of passwd(5). */
static char *ask(uid_t uid)
{
	char number[16], *argv[] = {(char *)"getent", (char *)"passwd", number, NULL};
	posix_spawn_file_actions_t actions;
	_cleanup_fclose_ FILE *answer = NULL;
	char *name = NULL;
	int fds[2];
	pid_t pid;

	snprintf(number, sizeof(number), "%u", uid);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return NULL;
	answer = fdopen(fds[0], "r");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (answer && posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0) {
		close(fds[1]);
		name = find(answer, uid);
		waitpid(pid, NULL, 0);
	} else {
		close(fds[1]);
		if (!answer)
			close(fds[0]);
	}
	posix_spawn_file_actions_destroy(&actions);
	return name;
}

char *nvb_login_name(uid_t uid)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/passwd", "re");
	char *name = file ? find(file, uid) : NULL;

	return name ? name : ask(uid);
}
