/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind-hook: the one hook that a generated CDI spec or an edited config.json names. It prepares a
 * container's root for the driver's files, in one process that executes nothing. Whatever it cannot do is one
 * line on stderr: a container with less is better than none, so only a malformed command line, which is a
 * mistake of whoever wrote the spec, is an error.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/output.h"
#include "config.h"
#include "container/hook_args.h"
#include "container/hook_state.h"
#include "container/params.h"
#include "hook.h"
#include "privileges.h"
#include "sandbox.h"

/* One line, whatever an image wrote into what it is about. */
static void say(const char *level, const char *message, const char *hint)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_addf(&line, "nvbind-hook: %s", level);
	nvb_sb_add_visible(&line, message);
	if (hint) {
		nvb_sb_add(&line, " (");
		nvb_sb_add_visible(&line, hint);
		nvb_sb_addc(&line, ')');
	}
	nvb_sb_addc(&line, '\n');
	if (!line.failed && nvb_write_all(STDERR_FILENO, line.s, line.len) < 0)
		return; /* nobody listens, and there is nobody else to tell */
}

void hook_emit(void *data, enum nvb_log_level level, const char *message)
{
	(void)data;
	say(level == NVB_LOG_ERROR ? "error: " : level == NVB_LOG_WARNING ? "warning: " : "", message, NULL);
}

void hook_confine(unsigned work, const struct nvb_log *log)
{
	int rc = privileges_drop(work);

	if (rc < 0)
		nvb_debug(log, "capabilities stay: %s", strerrordesc_np(-rc));
	rc = nvb_guard("sandbox") ? sandbox_enter(work) : 0;
	if (rc < 0)
		nvb_debug(log, "no seccomp filter: %s", strerrordesc_np(-rc));
}

/*
 * True when the container's own mounts are to be seen below its root, as in the mount namespace where
 * createContainer hooks run: what is mounted there is no mount of the host's. In the runtime's namespace,
 * where somebody may have put us instead (createRuntime, prestart), the root's proc is an empty directory.
 * The state's pid tells nothing: runc gives the one inside the container's pid namespace.
 */
static bool sees_container_mounts(const struct nvb_root *root)
{
	_cleanup_close_ int proc = nvb_root_openat(root, "proc", O_PATH | O_DIRECTORY, 0);
	struct statfs fs;
	struct statx stx;

	return proc >= 0 && statx(proc, "", AT_EMPTY_PATH, 0, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) && fstatfs(proc, &fs) == 0 &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

static int open_root(struct nvb_hook_command *command, struct nvb_root *root, nvb_error **err)
{
	_cleanup_hook_state_ struct nvb_hook_state state = {0};
	int rc;

	if (command->root) {
		command->work.may_mount = command->mount;
		return nvb_root_open(root, command->root, err);
	}
	if (command->container_root) {
		rc = nvb_root_open(root, command->container_root, err);
	} else {
		rc = nvb_hook_state_read(&state, STDIN_FILENO, err);
		if (rc == 0)
			rc = nvb_hook_open_root(&state, root, err);
	}
	if (rc == 0)
		command->work.may_mount = sees_container_mounts(root);
	return rc;
}

/* The host's file, read before the filter and the container's files. */
static char *read_params(const struct nvb_hook_command *command, const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *why = NULL;
	char *text = NULL;

	if (command->params && command->work.may_mount && nvb_params_read(command->params, &text, &why) < 0)
		nvb_warning(log, "%s", nvb_error_message(why));
	return text;
}

static int apply(struct nvb_hook_command *command, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *params = NULL;
	int rc = open_root(command, &root, err);

	if (rc < 0)
		return rc;
	command->work.params = params = read_params(command, log);
	hook_confine(command->work.may_mount ? WORK_MOUNT : 0, log);
	return nvb_container_apply(&root, &command->work, log, err);
}

static int report(const nvb_error *error)
{
	say("", nvb_error_message(error), nvb_error_hint(error));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	_cleanup_hook_command_ struct nvb_hook_command command = {0};
	_cleanup_error_ nvb_error *error = NULL;
	struct nvb_log log = {.level = NVB_LOG_WARNING, .emit = hook_emit};

	/* The runtime may have passed on an environment that the image chose. Nothing here reads it; nothing
	 * ever shall. */
	clearenv();
	nvb_file_open_standard();
	umask(022);
	/* A limit on the size of files, or nobody who reads our messages, is an error like any other: neither
	 * ends us with half of the work beside the other half. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (is_prestart(argc, argv))
		return prestart(argc, argv, &error) < 0 ? report(error) : EXIT_SUCCESS;
	if (nvb_hook_parse(&command, argc, argv, &error) < 0)
		return report(error);
	log.level = command.log_level;
	switch (command.verb) {
	case NVB_HOOK_HELP:
		fputs(nvb_hook_help, stdout);
		break;
	case NVB_HOOK_VERSION:
		puts("nvbind-hook " NVB_VERSION);
		break;
	case NVB_HOOK_APPLY:
		if (apply(&command, &log, &error) < 0)
			nvb_error_log(&log, "the driver's libraries may not be found: %s",
				nvb_error_message(error));
		/* runc, a program in Go, takes milliseconds to write it: by then the work is done. */
		if (command.container_root)
			nvb_hook_state_await(STDIN_FILENO);
		break;
	}
	return EXIT_SUCCESS;
}
