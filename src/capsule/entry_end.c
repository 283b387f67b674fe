/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/cgroup.h"
#include "capsule/names.h"
#include "capsule/network.h"
#include "capsule/record.h"
#include "capsule/userns.h"

/* How a capsule ends: what it had is given back, what it was is written down. */

static void complain(const struct nvb_log *log, nvb_error **err)
{
	if (*err)
		nvb_warning(log, "%s", nvb_error_message(*err));
	nvb_error_free(NVB_TAKE_PTR(*err));
}

static void remove_logged(const char *path, const struct nvb_log *log)
{
	nvb_error *err = NULL;

	nvb_file_remove_tree(AT_FDCWD, path, &err);
	complain(log, &err);
}

/*
 * Removing a directory tree frees blocks, which some file systems do at a millisecond each. Nobody has to
 * wait for that: the tree moves out of sight at once, and a process of its own removes all that lies there.
 * False when it could not be moved.
 */
static bool discard(const struct nvb_state *state, const struct nvb_entry *entry)
{
	_cleanup_free_ char *trash = nvb_state_join(state->data, "trash"),
			    *target = trash ? nvb_state_join(trash, entry->id) : NULL;

	return target && rename(entry->data, target) == 0;
}

static void empty_trash_behind(const struct nvb_state *state)
{
	_cleanup_free_ char *narrow = NULL;
	pid_t pid = fork();

	if (pid > 0)
		return;
	if (pid < 0) {
		nvb_state_empty_trash(state);
		return;
	}
	/* A supervisor is outside of the user namespace whose files these are. */
	if (state->rootless && geteuid() != 0)
		nvb_userns_enter(&narrow, NULL);
	/* Whoever waits for the end of our output shall not wait for this. */
	if (setsid() >= 0 && close_range(0, ~0U, 0) == 0)
		nvb_state_empty_trash(state);
	_exit(0);
}

void nvb_state_empty_trash(const struct nvb_state *state)
{
	_cleanup_free_ char *path = nvb_state_join(state->data, "trash");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			nvb_file_remove_tree(dirfd(dir), entry->d_name, NULL);
}

/* What is only true of one that runs. */
static const char *const passing[] = {"pid", "started", "cgroup", "runtime", "detached", "resumed", "state",
	"since", "health", "keeps", "keeps_key", "stdin", "stdout", "stderr", "parked", "stop-signal", NULL};

/* The record in /run without that; malloc'd. */
static int lasting_record(const struct nvb_entry *entry, char **out, nvb_error **err)
{
	_cleanup_free_ char *from = nvb_state_join(entry->run, "record"), *text = NULL;
	int rc = from ? nvb_file_read(AT_FDCWD, from, NVB_RECORD_MOST, &text, NULL, err) : nvb_fail_oom(err);

	for (const char *const *key = passing; rc == 0 && *key; key++) {
		char *without = nvb_record_set(text, *key, NULL);

		free(text);
		text = without;
		rc = text ? 0 : nvb_fail_oom(err);
	}
	if (rc == 0)
		*out = NVB_TAKE_PTR(text);
	return rc;
}

/* So that a name in it outlives a crash of the machine. */
static void flush_directory(const char *base, const char *name)
{
	_cleanup_free_ char *path = nvb_state_join(base, name);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		fsync(fd);
}

int nvb_entry_park(const struct nvb_state *state, struct nvb_entry *entry, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(entry->data, "record"), *text = NULL;
	int rc = path ? lasting_record(entry, &text, err) : nvb_fail_oom(err);

	if (rc == 0)
		rc = nvb_file_write(AT_FDCWD, path, text, strlen(text), 0600, err);
	if (rc < 0)
		return rc;
	flush_directory(entry->data, ".");
	flush_directory(state->data, "capsules");
	flush_directory(state->data, "names");
	rc = nvb_file_remove_tree(AT_FDCWD, entry->run, err);
	nvb_entry_release(entry);
	return rc;
}

/* A capsule that is kept says in its own directory what it was and how it ended. What somebody stopped stays
 * stopped when the machine goes down: that is flushed to disk. */
static int keep_record(const struct nvb_entry *entry, int status, nvb_error **err)
{
	_cleanup_free_ char *to = nvb_state_join(entry->data, "record"), *text = NULL;
	_cleanup_strbuf_ struct nvb_strbuf more = {0};
	int rc = to ? lasting_record(entry, &text, err) : nvb_fail_oom(err);

	if (rc < 0)
		return rc;
	nvb_sb_addf(&more, "%sended %lld\n", text, (long long)time(NULL));
	if (status >= 0)
		nvb_sb_addf(&more, "status %d\n", status);
	nvb_record_line(&more, "error", entry->error);
	if (more.failed)
		return nvb_fail_oom(err);
	return (entry->stopped ? nvb_file_write : nvb_file_write_unflushed)(
		AT_FDCWD, to, more.s, more.len, 0600, err);
}

bool nvb_entry_clear(const struct nvb_state *state, const struct nvb_entry *entry, const struct nvb_log *log)
{
	const struct nvb_network_place place = nvb_capsule_network_place(state, log);
	_cleanup_free_ char *runtime_state =
		entry->runtime_root ? nvb_state_join(entry->runtime_root, entry->id) : NULL;
	nvb_error *err = NULL;
	int rc = entry->cgroup ? nvb_cgroup_remove(entry->cgroup, true, &err) : 0;

	complain(log, &err);
	nvb_network_disconnect(&place, entry->id, entry->run);
	if (runtime_state)
		remove_logged(runtime_state, log);
	return rc == 0;
}

void nvb_entry_end(
	const struct nvb_state *state, struct nvb_entry *entry, int status, const struct nvb_log *log)
{
	bool discarded = false;
	nvb_error *err = NULL;
	int rc;

	if (!entry->run)
		return;
	nvb_entry_clear(state, entry, log);
	rc = entry->keep ? keep_record(entry, status, &err) : -1;
	complain(log, &err);
	/* The files of one that was made to be kept are never removed because something else failed. */
	if (rc < 0 && !(entry->keep && entry->resumed)) {
		/* Files of subordinate ids can only be moved from outside of the user namespace. */
		discarded = (entry->ran || state->rootless) && discard(state, entry);
		if (!discarded)
			remove_logged(entry->data, log);
		nvb_name_give_back(state, entry->name, entry->id);
	}
	/* Last: while it stands, the next bolt will try again what failed. */
	remove_logged(entry->run, log);
	nvb_entry_release(entry);
	/* Only now: a child would hold the capsule's lock, too. */
	if (discarded)
		empty_trash_behind(state);
}
