/* SPDX-License-Identifier: Apache-2.0 */
#include "skopeo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "bolt-image.h"

enum { COMPLAINT_MOST = 16 * 1024 };

static int no_skopeo(int sys, nvb_error **err)
{
	return nvb_hint(err, nvb_fail_errno(err, sys, "running skopeo, which moves images"),
		"install the package skopeo");
}

static _Noreturn void child(char *const argv[], bool talks, int complaint, int exec_error)
{
	const sigset_t none = {0};
	int sys;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Its progress goes where ours would: stdout is for data. */
	if (!talks)
		dup2(isatty(STDERR_FILENO) ? STDERR_FILENO : complaint, STDOUT_FILENO);
	dup2(complaint, STDERR_FILENO);
	execvp(argv[0], argv);
	sys = errno;
	if (write(exec_error, &sys, sizeof(sys)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * The reason in what skopeo printed: its last line, without the log format around it
 * (time="..." level=fatal msg="reason" or "FATA[0000] reason").
 */
static char *reason(char *text)
{
	char *line = text, *end = text + strlen(text), *message, *to;

	while (end > text && (end[-1] == '\n' || end[-1] == '\r'))
		*--end = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (strncmp(line, "FATA[", 5) == 0 && (message = strchr(line, ']')))
		return message + 1 + strspn(message + 1, " ");
	message = strstr(line, "msg=\"");
	if (!message)
		return line;
	message += strlen("msg=\"");
	for (to = line = message; *line && *line != '"'; line++) {
		if (*line == '\\' && line[1])
			line++;
		*to++ = *line;
	}
	*to = '\0';
	return message;
}

static int collect(int fd, struct nvb_strbuf *complaint)
{
	char buffer[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		if (stop_requested())
			return -EINTR;
		if (!p.revents)
			continue;
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (complaint->len + (size_t)n > COMPLAINT_MOST) /* only the end matters */
			complaint->len = 0;
		nvb_sb_addn(complaint, buffer, (size_t)n);
	}
}

/* What mends it; nothing but words tells skopeo's failures apart (1.9 to 1.18 say these). */
static const char *remedy(const char *complaint)
{
	static const struct {
		const char *said, *remedy;
	} remedies[] = {
		{"HTTP response to HTTPS client",
			"--tls-verify=false of 'bolt image pull' and 'bolt login' talks plain HTTP"},
		{"x509:", "--tls-verify=false of 'bolt image pull' and 'bolt login' does without a valid "
			  "certificate"},
		{"invalid username/password", "check both; some registries want a token instead"},
		{"unauthorized", "'bolt login REGISTRY' keeps credentials; the name may be wrong as well"},
		{"authentication required", "'bolt login REGISTRY' keeps credentials"},
		{"denied", "'bolt login REGISTRY' keeps credentials; the name may be wrong as well"},
		{"manifest unknown", "the registry has no such name or tag: check the spelling"},
		{"name unknown", "the registry has no such name: check the spelling"},
		{"no such host", "check the registry's name and this host's network"},
		{"connection refused", "check the registry's address and that it runs"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(remedies); i++)
		if (strstr(complaint, remedies[i].said))
			return remedies[i].remedy;
	return NULL;
}

static int judge(int status, int stopped, struct nvb_strbuf *complaint, const char *what, nvb_error **err)
{
	const char *hint;
	int rc;

	if (stopped == -EINTR && stop_requested())
		return stop_error(err);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return nvb_fail(
			err, NVB_ERR_SYSTEM, "skopeo %s was killed by signal %d", what, WTERMSIG(status));
	if (!complaint->s || !complaint->len)
		return nvb_fail(
			err, NVB_ERR_SYSTEM, "skopeo %s failed with status %d", what, WEXITSTATUS(status));
	hint = remedy(complaint->s);
	rc = nvb_fail(err, strstr(complaint->s, "manifest unknown") ? NVB_ERR_NOT_FOUND : NVB_ERR_SYSTEM,
		"%s", reason(complaint->s));
	return hint ? nvb_hint(err, rc, "%s", hint) : rc;
}

static int run(char *const argv[], bool talks, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf complaint = {0};
	int output[2], exec_pipe[2], status = 0, sys = 0, stopped;
	pid_t pid;

	if (pipe2(output, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	if (pipe2(exec_pipe, O_CLOEXEC) < 0) {
		close(output[0]);
		close(output[1]);
		return nvb_fail_errno(err, errno, "pipe");
	}
	pid = fork();
	if (pid == 0)
		child(argv, talks, output[1], exec_pipe[1]);
	close(output[1]);
	close(exec_pipe[1]);
	if (pid > 0 && read(exec_pipe[0], &sys, sizeof(sys)) != sizeof(sys))
		sys = 0;
	stopped = pid > 0 && !sys ? collect(output[0], &complaint) : 0;
	close(output[0]);
	close(exec_pipe[0]);
	if (pid < 0)
		return nvb_fail_errno(err, errno, "fork");
	if (stopped < 0)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (sys)
		return no_skopeo(sys, err);
	return judge(status, stopped, &complaint, argv[1], err);
}

int skopeo_run(char *const argv[], nvb_error **err)
{
	return run(argv, false, err);
}

int skopeo_talk(char *const argv[], nvb_error **err)
{
	return run(argv, true, err);
}
