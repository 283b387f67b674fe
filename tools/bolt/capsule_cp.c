/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/files.h"
#include "capsule/locate.h"
#include "helper.h"
#include "host.h"
#include "verbs.h"

/* bolt capsule cp: two processes of bolt-copy with a pipe between them, each locked into its end. */

static struct {
	bool archive, follow;
} opt;

static const struct nvb_option cp_options[] = {
	{"archive", 'a', NVB_OPTION_FLAG(&opt.archive), "keep the files' owners, set-user-ID bits included"},
	{"follow-link", 'L', NVB_OPTION_FLAG(&opt.follow), "copy what a link named as the source leads to"},
	{NULL},
};
const struct nvb_option_group capsule_cp_groups[] = {{"Options", cp_options}, {NULL}};

/* What an argument names. */
struct side {
	char *capsule;	  /* NULL: the host */
	const char *path; /* "-": a tar archive on standard input or output */
};

static int read_side(const char *argument, struct side *side, nvb_error **err)
{
	const char *colon = strchr(argument, ':');

	*side = (struct side){.path = argument};
	/* As docker: a path of the host with a colon in it begins with "/" or ".". */
	if (!colon || *argument == '/' || *argument == '.')
		return *argument ? 0 : nvb_fail(err, NVB_ERR_INVALID, "an empty path");
	side->capsule = strndup(argument, (size_t)(colon - argument));
	side->path = colon[1] ? colon + 1 : "/";
	return side->capsule ? 0 : nvb_fail_oom(err);
}

static bool is_stdio(const struct side *side)
{
	return !side->capsule && nvb_streq(side->path, "-");
}

/* Paths of a capsule count from its root, those of the host from here. */
static int open_side(const struct side *side, const char *here, struct nvb_copy_end *end, char **path,
	struct nvb_state *state, nvb_error **err)
{
	_cleanup_located_ struct nvb_located capsule = {0};
	int rc;

	if (!side->capsule) {
		if (asprintf(path, *side->path == '/' ? "%.0s%s" : "%s/%s", here, side->path) < 0) {
			*path = NULL;
			return nvb_fail_oom(err);
		}
		return nvb_root_open(&end->root, "/", err);
	}
	*path = strdup(side->path);
	if (!*path)
		return nvb_fail_oom(err);
	rc = nvb_locate(state, side->capsule, &capsule, err);
	return rc < 0 ? rc : nvb_files_open(run_host(), state, &capsule, &end->root, err);
}

/* In the child: descriptors to the numbers that bolt-copy knows. */
static void become_copy(const char *helper, const char *const *arguments, const struct nvb_copy_end *end,
	bool rooted, int in, int out)
{
	enum { ABOVE = 10 };
	int directory = fcntl(end->directory, F_DUPFD_CLOEXEC, ABOVE);
	/* O_PATH will do for fchdir. */
	int root = rooted ? fcntl(end->root.fd, F_DUPFD_CLOEXEC, ABOVE) : 0;

	if (directory < 0 || root < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(directory, 3) < 0 ||
		(rooted && dup2(root, 4) < 0))
		_exit(125);
	execv(helper, (char *const *)arguments);
	dprintf(STDERR_FILENO, "bolt: %s: %s\n", helper, strerror(errno));
	_exit(125);
}

static pid_t start_copy(const char *helper, const char *const *arguments, const struct nvb_copy_end *end,
	bool rooted, int in, int out)
{
	/* dup2 onto itself would keep the close-on-exec flag, so both are copied. */
	pid_t pid = fork();

	if (pid == 0) {
		int from = fcntl(in, F_DUPFD_CLOEXEC, 10), to = fcntl(out, F_DUPFD_CLOEXEC, 10);

		if (from < 0 || to < 0)
			_exit(125);
		become_copy(helper, arguments, end, rooted, from, to);
	}
	return pid;
}

/* It has said why itself. */
static bool succeeded(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct copy {
	struct side from, to;
	struct nvb_copy_end source, target;
	char *source_path, *target_path;
};

static void release_copy(struct copy *copy)
{
	free(copy->from.capsule);
	free(copy->to.capsule);
	nvb_copy_end_release(&copy->source);
	nvb_copy_end_release(&copy->target);
	free(copy->source_path);
	free(copy->target_path);
}

/* Directories to work in and names to work with. */
static int settle(struct copy *copy, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_free_ char *base = NULL;
	char here[PATH_MAX];
	bool directory = true;
	int rc = nvb_state_open(&state, err);

	if (rc == 0 && !getcwd(here, sizeof(here)))
		rc = nvb_fail_errno(err, errno, "the working directory");
	/* The host's end first: a capsule's may change what this process sees. */
	for (int capsules = 0; rc == 0 && capsules < 2; capsules++) {
		if (!is_stdio(&copy->from) && !copy->from.capsule == !capsules)
			rc = open_side(&copy->from, here, &copy->source, &copy->source_path, &state, err);
		if (rc == 0 && !is_stdio(&copy->to) && !copy->to.capsule == !capsules)
			rc = open_side(&copy->to, here, &copy->target, &copy->target_path, &state, err);
	}
	if (rc == 0 && !is_stdio(&copy->from))
		rc = nvb_copy_source(&copy->source, copy->source_path, opt.follow, &directory, &base, err);
	if (rc < 0 || is_stdio(&copy->to))
		return rc;
	rc = nvb_copy_target(&copy->target, copy->target_path, directory, base, err);
	/* An archive is unpacked into a directory that is there. */
	if (rc == 0 && is_stdio(&copy->from) && copy->target.name)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: there is no such directory", copy->target_path);
	return rc;
}

static int run_copy(const struct copy *copy, nvb_error **err)
{
	_cleanup_free_ char *helper = NULL;
	const char *pack[8] = {"bolt-copy"}, *place[8] = {"bolt-copy"};
	int fds[2], n = 1, rc = find_helper("bolt-copy", &helper, err);
	pid_t packer = -1, placer = -1;
	bool packed = true, placed = true;

	if (rc < 0)
		return rc;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	if (copy->from.capsule)
		pack[n++] = "--rooted";
	if (opt.follow)
		pack[n++] = "--follow";
	for (const char *const *w = (const char *const[]){"pack", "--", copy->source.name, NULL}; *w; w++)
		pack[n++] = *w;
	n = 1;
	if (copy->to.capsule)
		place[n++] = "--rooted";
	if (opt.archive)
		place[n++] = "--owners";
	if (copy->target.name) {
		place[n++] = "--as";
		place[n++] = copy->target.name;
	}
	place[n++] = "place";
	if (!is_stdio(&copy->from))
		packer = start_copy(helper, pack, &copy->source, copy->from.capsule, STDIN_FILENO,
			is_stdio(&copy->to) ? STDOUT_FILENO : fds[1]);
	if (!is_stdio(&copy->to))
		placer = start_copy(helper, place, &copy->target, copy->to.capsule,
			is_stdio(&copy->from) ? STDIN_FILENO : fds[0], STDOUT_FILENO);
	close(fds[0]);
	close(fds[1]);
	if (!is_stdio(&copy->from))
		packed = packer > 0 && succeeded(packer);
	if (!is_stdio(&copy->to))
		placed = placer > 0 && succeeded(placer);
	if (packed && placed)
		return 0;
	/* The empty message says that the reason has been told. */
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s",
		(packer < 0 && !is_stdio(&copy->from)) || (placer < 0 && !is_stdio(&copy->to))
			? "bolt-copy cannot be started"
			: "");
}

int capsule_cp(int argc, char **argv, nvb_error **err)
{
	_cleanup_(release_copy) struct copy copy = {.source = NVB_COPY_END_INIT, .target = NVB_COPY_END_INIT};
	int rc = read_side(argv[0], &copy.from, err);

	(void)argc;
	if (rc == 0)
		rc = read_side(argv[1], &copy.to, err);
	if (rc < 0)
		return rc;
	if (copy.from.capsule && copy.to.capsule)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "from one capsule into another"),
			"bolt capsule cp %s - | bolt capsule cp - %s", argv[0], argv[1]);
	if (!copy.from.capsule && !copy.to.capsule)
		return nvb_usage(err, "one of the two must be in a capsule: CAPSULE:PATH");
	if (is_stdio(&copy.to) && isatty(STDOUT_FILENO))
		return nvb_fail(err, NVB_ERR_INVALID, "an archive is not for a terminal: write it to a file");
	rc = settle(&copy, err);
	return rc < 0 ? rc : run_copy(&copy, err);
}
