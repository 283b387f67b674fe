/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/capsules.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"

const struct nvb_choice nvb_capsule_states[] = {
	{"created", NVB_CAPSULE_CREATED},
	{"starting", NVB_CAPSULE_STARTING},
	{"running", NVB_CAPSULE_RUNNING},
	{"paused", NVB_CAPSULE_PAUSED},
	{"restarting", NVB_CAPSULE_RESTARTING},
	{"exited", NVB_CAPSULE_EXITED},
	{"dead", NVB_CAPSULE_DEAD},
	{NULL},
};

struct list {
	struct nvb_capsule_info *items;
	size_t count, capacity;
};

void nvb_capsule_info_release(struct nvb_capsule_info *info)
{
	free(info->name);
	free(info->image);
	free(info->command);
	free(info->ports);
	free(info->health);
	free(info->error);
	*info = (struct nvb_capsule_info){0};
}

void nvb_capsules_free(struct nvb_capsule_info *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nvb_capsule_info_release(&list[i]);
	free(list);
}

static void read_info(const char *record, const char *id, struct nvb_capsule_info *info)
{
	*info = (struct nvb_capsule_info){
		.status = (int)nvb_record_number(record, "status", -1),
		.created = nvb_record_number(record, "created", 0),
		.since = nvb_record_number(record, "since", 0),
		.ended = nvb_record_number(record, "ended", 0),
		.began = nvb_record_number(record, "began", 0),
		.restarts = (uint64_t)nvb_record_number(record, "restarts", 0),
		.stopped = nvb_record_flag(record, "stopped"),
		.name = nvb_record_value(record, "name"),
		.image = nvb_record_value(record, "image"),
		.command = nvb_record_value(record, "command"),
		.ports = nvb_record_value(record, "ports"),
		.health = nvb_record_value(record, "health"),
		.error = nvb_record_value(record, "error"),
	};
	memcpy(info->id, id, sizeof(info->id));
	if (!info->since)
		info->since = info->ended ? info->ended : info->began;
}

/* The first process, if it lives. */
static pid_t living_init(int directory)
{
	_cleanup_free_ char *text = NULL;
	uint64_t started;
	int pid;

	if (nvb_file_read(directory, "init", 64, &text, NULL, NULL) < 0 ||
		sscanf(text, "%d %" SCNu64, &pid, &started) != 2 || !nvb_proc_is_alive(pid, started))
		return 0;
	return pid;
}

/* The inodes of what is locked exclusively in one file system, sorted. One reading tells of a thousand
 * supervisors what would take three calls for each. Locks of processes that we cannot see (another PID
 * namespace) are not in it. */
struct locks {
	unsigned long long *inodes;
	size_t count, capacity;
};

static int by_inode(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return x < y ? -1 : x > y;
}

/* "1: FLOCK  ADVISORY  WRITE 1234 00:2f:5678 0 EOF"; source: proc(5), /proc/locks. */
static void read_locks(int directory, struct locks *locks)
{
	enum { LARGEST = 64 << 20 };
	_cleanup_free_ char *text = NULL;
	char device[32];
	struct stat st;

	if (fstat(directory, &st) < 0 ||
		nvb_file_read(AT_FDCWD, "/proc/locks", LARGEST, &text, NULL, NULL) < 0)
		return;
	snprintf(device, sizeof(device), " %02x:%02x:", major(st.st_dev), minor(st.st_dev));
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		const char *at =
			strstr(line, ": FLOCK ") && strstr(line, " WRITE ") ? strstr(line, device) : NULL;

		/* What does not fit is looked at one by one. */
		if (!at || !NVB_GROW(locks->inodes, locks->count, locks->capacity))
			continue;
		locks->inodes[locks->count++] = strtoull(at + strlen(device), NULL, 10);
	}
	if (locks->count)
		qsort(locks->inodes, locks->count, sizeof(*locks->inodes), by_inode);
}

static bool is_locked(const struct locks *locks, ino_t inode)
{
	unsigned long long key = inode;

	return locks && locks->count && bsearch(&key, locks->inodes, locks->count, sizeof(key), by_inode);
}

/* Whoever has the lock keeps the record true, and what it says is believed without looking any further. */
static void judge_running(int parent, bool locked, const char *record, struct nvb_capsule_info *info)
{
	_cleanup_free_ char *said = nvb_record_value(record, "state");
	_cleanup_close_ int directory = -1;
	int state = NVB_CAPSULE_RUNNING;

	if (said)
		nvb_choice_parse(nvb_capsule_states, said, "state", &state, NULL);
	info->state = (enum nvb_capsule_state)state;
	if (locked)
		return;
	directory = openat(parent, info->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0 || flock(directory, LOCK_SH | LOCK_NB) < 0)
		return;
	flock(directory, LOCK_UN);
	info->init = living_init(directory);
	info->unsupervised = info->init > 0;
	if (!info->init)
		info->state = NVB_CAPSULE_DEAD;
}

/* Ports that were left to be chosen are known once they are: network/record.h. */
static void read_chosen_ports(int parent, struct nvb_capsule_info *info)
{
	char path[NVB_CAPSULE_ID + sizeof("/network.ports")], *text = NULL;

	if (!info->ports || !(nvb_after(info->ports, "0->") || strstr(info->ports, " 0->") ||
				    strstr(info->ports, ":0->")))
		return;
	snprintf(path, sizeof(path), "%s/network.ports", info->id);
	if (nvb_file_read(parent, path, NVB_RECORD_MOST, &text, NULL, NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	free(info->ports);
	info->ports = text;
}

static void judge_kept(struct nvb_capsule_info *info)
{
	info->state = info->began || info->ended ? NVB_CAPSULE_EXITED : NVB_CAPSULE_CREATED;
}

/* A record in one call where it is small, as they are; malloc'd, or NULL. */
static char *read_record(int parent, const char *id)
{
	char path[NVB_CAPSULE_ID + sizeof("/record")], buffer[2048], *text = NULL;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/record", id);
	fd = openat(parent, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
	if (n < 0)
		return NULL;
	if ((size_t)n < sizeof(buffer))
		return strndup(buffer, (size_t)n);
	return nvb_file_read(parent, path, NVB_RECORD_MOST, &text, NULL, NULL) < 0 ? NULL : text;
}

/* 0 also when there is none: one without a record is just being made or removed. */
static int add(struct list *list, int parent, const char *id, bool running, bool locked, nvb_error **err)
{
	_cleanup_free_ char *record = read_record(parent, id);

	/* One that is being made counts when it is done. */
	if (!record || (running && nvb_record_flag(record, "parked")))
		return 0;
	if (!NVB_GROW(list->items, list->count, list->capacity))
		return nvb_fail_oom(err);
	read_info(record, id, &list->items[list->count]);
	if (running) {
		judge_running(parent, locked, record, &list->items[list->count]);
		read_chosen_ports(parent, &list->items[list->count]);
	} else {
		judge_kept(&list->items[list->count]);
	}
	list->count++;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct nvb_capsule_info *)a)->id, ((const struct nvb_capsule_info *)b)->id);
}

/* `known`: the first so many of the list, by id. */
static bool has(const struct list *list, size_t known, const char *id)
{
	struct nvb_capsule_info key;

	memcpy(key.id, id, sizeof(key.id));
	return known && bsearch(&key, list->items, known, sizeof(key), by_id);
}

static int add_all(struct list *list, const char *base, bool running, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(base, "capsules");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *entry;
	struct locks locks = {0};
	size_t known = list->count;
	int rc = 0;

	if (!path)
		return nvb_fail_oom(err);
	if (known)
		qsort(list->items, known, sizeof(*list->items), by_id);
	if (running && dir)
		read_locks(dirfd(dir), &locks);
	while (rc == 0 && dir && (entry = readdir(dir)))
		if (nvb_record_is_id(entry->d_name) && !has(list, known, entry->d_name))
			rc = add(list, dirfd(dir), entry->d_name, running, is_locked(&locks, entry->d_ino),
				err);
	free(locks.inodes);
	return rc;
}

static int by_age(const void *a, const void *b)
{
	const struct nvb_capsule_info *x = a, *y = b;

	if (x->created != y->created)
		return x->created > y->created ? -1 : 1;
	return strcmp(x->id, y->id);
}

int nvb_capsules_list(const struct nvb_state *state, bool all, struct nvb_capsule_info **out, size_t *count,
	nvb_error **err)
{
	struct list list = {0};
	int rc = add_all(&list, state->run, true, err);

	if (rc == 0 && all)
		rc = add_all(&list, state->data, false, err);
	if (rc < 0) {
		nvb_capsules_free(list.items, list.count);
		return rc;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), by_age);
	*out = list.items;
	*count = list.count;
	return 0;
}

int nvb_capsule_info_of(
	const struct nvb_state *state, const char *id, struct nvb_capsule_info *info, nvb_error **err)
{
	const char *const bases[] = {state->run, state->data};
	struct list list = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && !list.count && i < NVB_ELEMENTS(bases); i++) {
		_cleanup_free_ char *path = nvb_state_join(bases[i], "capsules");
		_cleanup_close_ int parent = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

		rc = add(&list, parent, id, i == 0, false, err);
		if (rc == 0 && i == 0 && list.count && !list.items[0].init) {
			_cleanup_close_ int directory =
				openat(parent, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			list.items[0].init = living_init(directory);
		}
	}
	if (rc == 0 && !list.count)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "no capsule %.12s", id);
	if (rc == 0)
		*info = list.items[0];
	free(list.items);
	return rc;
}
