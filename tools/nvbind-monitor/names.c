/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/capsules.h"
#include "watch.h"

/* Names of capsules, from bolt's records. */
struct names {
	struct nvb_state state;
	struct nvb_capsule_info *list; /* those that run, as of `read` */
	size_t count;
	time_t read;
};

struct names *names_open(void)
{
	struct names *names = calloc(1, sizeof(*names));

	/* Without bolt's directories there are no capsules. */
	if (names && nvb_state_open(&names->state, NULL) < 0) {
		free(names);
		names = NULL;
	}
	return names;
}

void names_close(struct names *names)
{
	if (!names)
		return;
	nvb_capsules_free(names->list, names->count);
	nvb_state_close(&names->state);
	free(names);
}

char *names_of_capsule(void *data, const char *id)
{
	struct names *names = data;
	_cleanup_capsule_info_ struct nvb_capsule_info info = {0};

	if (!names || nvb_capsule_info_of(&names->state, id, &info, NULL) < 0 || !info.name)
		return NULL;
	return strdup(info.name);
}

static ssize_t pid_namespace(uint32_t pid, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/pid", pid);
	return readlink(path, out, size);
}

/* A user's capsules have no control groups: there the namespace of processes tells. */
char *names_of_process(void *data, uint32_t pid)
{
	struct names *names = data;
	char ours[64], theirs[64], first[64];
	ssize_t n = pid_namespace((uint32_t)getpid(), ours, sizeof(ours));
	ssize_t m = pid_namespace(pid, theirs, sizeof(theirs));
	time_t now = time(NULL);

	if (!names || m <= 0 || (n == m && memcmp(ours, theirs, (size_t)n) == 0))
		return NULL;
	if (names->read != now) {
		nvb_capsules_free(names->list, names->count);
		names->list = NULL;
		names->count = 0;
		nvb_capsules_list(&names->state, false, &names->list, &names->count, NULL);
		names->read = now;
	}
	for (size_t i = 0; i < names->count; i++) {
		n = names->list[i].init ? pid_namespace((uint32_t)names->list[i].init, first, sizeof(first))
					: 0;
		if (n == m && memcmp(first, theirs, (size_t)n) == 0)
			return strdup(names->list[i].id);
	}
	return NULL;
}
