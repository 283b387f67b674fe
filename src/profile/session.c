/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "profile/profile.h"

/* The session of whoever starts a container. */

#define ROOTS_CACHE "/var/cache/nvbind"

/* sudo keeps DISPLAY, where it is told to, but hands out no runtime directory. */
static const char *runtime_directory(struct nvb_arena *arena, bool *oom)
{
	const char *own = secure_getenv("XDG_RUNTIME_DIR"), *caller = secure_getenv("SUDO_UID");
	uint32_t uid = 0;
	struct stat st;
	char *path;

	if (own && *own == '/')
		return own;
	if (geteuid() != 0 || !caller || !nvb_parse_u32(caller, &uid))
		return NULL;
	path = nvb_arena_printf(arena, "/run/user/%u", uid);
	*oom |= !path;
	return path && stat(path, &st) == 0 && st.st_uid == uid ? path : NULL;
}

static const char *cache_directory(struct nvb_arena *arena, bool *oom)
{
	const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
	const char *path = NULL;

	if (geteuid() == 0)
		return ROOTS_CACHE;
	/* The XDG base directory specification: a relative path is to be ignored. */
	if (cache && *cache == '/')
		path = nvb_arena_printf(arena, "%s/nvbind", cache);
	else if (home && *home == '/')
		path = nvb_arena_printf(arena, "%s/.cache/nvbind", home);
	else
		return NULL;
	*oom |= !path;
	return path;
}

/* Xlib's own default is the file in the home directory. */
static const char *xauthority(struct nvb_arena *arena, bool *oom)
{
	const char *file = secure_getenv("XAUTHORITY"), *home = secure_getenv("HOME");
	const char *path;

	if (file && *file)
		return *file == '/' ? file : NULL;
	if (!home || *home != '/')
		return NULL;
	path = nvb_arena_printf(arena, "%s/.Xauthority", home);
	*oom |= !path;
	return path && access(path, R_OK) == 0 ? path : NULL;
}

static const char *keep(struct nvb_arena *arena, const char *text, bool *oom)
{
	const char *copy = text && *text ? nvb_arena_strdup(arena, text) : NULL;

	*oom |= text && *text && !copy;
	return copy;
}

int nvb_session_read(struct nvb_request *request, nvb_error **err)
{
	struct nvb_arena *arena = &request->arena;
	struct nvb_session session = {.known = true};
	bool oom = false;

	session.display = keep(arena, secure_getenv("DISPLAY"), &oom);
	session.wayland = keep(arena, secure_getenv("WAYLAND_DISPLAY"), &oom);
	session.pulse_server = keep(arena, secure_getenv("PULSE_SERVER"), &oom);
	session.xauthority = keep(arena, xauthority(arena, &oom), &oom);
	session.runtime_directory = keep(arena, runtime_directory(arena, &oom), &oom);
	session.cache_directory = keep(arena, cache_directory(arena, &oom), &oom);
	if (oom)
		return nvb_fail_oom(err);
	request->session = session;
	return 0;
}
