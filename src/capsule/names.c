/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/record.h"

static char *link_of(const struct nvb_state *state, const char *name)
{
	char *path;

	return asprintf(&path, "%s/names/%s", state->data, name) < 0 ? NULL : path;
}

/* Where the link leads; false when there is none, or it leads to nothing of ours. */
static bool follow(const char *path, char id[static NVB_CAPSULE_ID + 1])
{
	char target[64];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[n > 0 ? n : 0] = '\0';
	if (!nvb_record_is_id(target))
		return false;
	memcpy(id, target, NVB_CAPSULE_ID + 1);
	return true;
}

/* What the capsule's record calls it, wherever there is one; malloc'd. */
static char *recorded_name(const struct nvb_state *state, const char *id)
{
	const char *const bases[] = {state->run, state->data};

	for (size_t i = 0; i < NVB_ELEMENTS(bases); i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;

		if (asprintf(&path, "%s/capsules/%s/record", bases[i], id) < 0)
			return NULL;
		if (nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, NULL) == 0)
			return nvb_record_value(text, "name");
	}
	return NULL;
}

int nvb_name_claim(const struct nvb_state *state, const char *name, const char *id, nvb_error **err)
{
	_cleanup_free_ char *path = name ? link_of(state, name) : NULL, *said = NULL;
	char holder[NVB_CAPSULE_ID + 1];

	if (!name)
		return 0;
	if (!path)
		return nvb_fail_oom(err);
	if (symlink(id, path) == 0)
		return 0;
	if (errno != EEXIST)
		return nvb_fail_errno(err, errno, "name '%s'", name);
	if (follow(path, holder) && (said = recorded_name(state, holder)) && nvb_streq(said, name))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT, "the name '%s' belongs to capsule %.12s", name,
				holder),
			"choose another, or remove that one: bolt capsule rm %s", name);
	/* A killed rename left it, or a capsule that is no more. */
	if (unlink(path) < 0 || symlink(id, path) < 0)
		return nvb_fail_errno(err, errno, "name '%s'", name);
	return 0;
}

void nvb_name_give_back(const struct nvb_state *state, const char *name, const char *id)
{
	_cleanup_free_ char *path = name ? link_of(state, name) : NULL;
	char holder[NVB_CAPSULE_ID + 1];

	if (path && follow(path, holder) && nvb_streq(holder, id))
		unlink(path);
}

bool nvb_name_find(const struct nvb_state *state, const char *name, char id[static NVB_CAPSULE_ID + 1])
{
	_cleanup_free_ char *path = NULL, *said = NULL;
	char holder[NVB_CAPSULE_ID + 1];

	if (!*name || strchr(name, '/') || *name == '.')
		return false;
	path = link_of(state, name);
	if (!path || !follow(path, holder))
		return false;
	said = recorded_name(state, holder);
	if (!said || !nvb_streq(said, name))
		return false;
	memcpy(id, holder, sizeof(holder));
	return true;
}
