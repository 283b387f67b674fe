/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/record.h"
#include "capsule/state.h"

/*
 * What a host that went down left: /run is empty then, so that the sweep of dead bolts' capsules finds none,
 * while /var still has the files of capsules that were to be removed, and their names.
 */

static int open_below(const char *base, const char *name)
{
	_cleanup_free_ char *path = NULL;

	return asprintf(&path, "%s/%s", base, name) < 0
		       ? -1
		       : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Takes over the descriptor. */
static DIR *list(int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* One that is being made or removed has its directory in /run; one that is kept, its record. */
static bool is_orphan(int running, int kept, const char *id)
{
	char record[NVB_CAPSULE_ID + sizeof("/record")];

	if (!nvb_record_is_id(id))
		return false;
	snprintf(record, sizeof(record), "%.*s/record", NVB_CAPSULE_ID, id);
	return faccessat(running, id, F_OK, 0) < 0 && faccessat(kept, record, F_OK, 0) < 0;
}

void nvb_state_sweep_orphans(const struct nvb_state *state)
{
	_cleanup_close_ int lock = nvb_state_lock(state, NULL), running = open_below(state->run, "capsules"),
			    trash = open_below(state->data, "trash");
	_cleanup_closedir_ DIR *capsules = list(open_below(state->data, "capsules")),
			       *names = list(open_below(state->data, "names"));
	const struct dirent *entry;
	char id[NVB_CAPSULE_ID + 2];
	ssize_t n;

	/* Nothing runs where there is no directory of what runs. */
	if (lock < 0 || trash < 0 || !capsules || !names)
		return;
	while ((entry = readdir(capsules)))
		if (is_orphan(running, dirfd(capsules), entry->d_name))
			renameat(dirfd(capsules), entry->d_name, trash, entry->d_name);
	while ((entry = readdir(names))) {
		n = readlinkat(dirfd(names), entry->d_name, id, sizeof(id) - 1);
		if (n < 0)
			continue;
		id[n] = '\0';
		if (faccessat(running, id, F_OK, 0) < 0 && faccessat(dirfd(capsules), id, F_OK, 0) < 0)
			unlinkat(dirfd(names), entry->d_name, 0);
	}
	nvb_state_empty_trash(state);
}
