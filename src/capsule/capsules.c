/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/capsules.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

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

/* Whoever has the lock keeps the record true, and what it says is believed without looking any further. */
static void judge_running(int directory, const char *record, struct nvb_capsule_info *info)
{
	_cleanup_free_ char *said = nvb_record_value(record, "state");
	int state = NVB_CAPSULE_RUNNING;

	if (said)
		nvb_choice_parse(nvb_capsule_states, said, "state", &state, NULL);
	info->state = (enum nvb_capsule_state)state;
	if (flock(directory, LOCK_SH | LOCK_NB) < 0)
		return;
	flock(directory, LOCK_UN);
	info->init = living_init(directory);
	info->unsupervised = info->init > 0;
	if (!info->init)
		info->state = NVB_CAPSULE_DEAD;
}

/* Ports that were left to be chosen are known once they are: network/record.h. */
static void read_chosen_ports(int directory, struct nvb_capsule_info *info)
{
	char *text = NULL;

	if (!info->ports ||
		!(nvb_after(info->ports, "0->") || strstr(info->ports, " 0->") ||
			strstr(info->ports, ":0->")) ||
		nvb_file_read(directory, "network.ports", NVB_RECORD_MOST, &text, NULL, NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	free(info->ports);
	info->ports = text;
}

static void judge_kept(struct nvb_capsule_info *info)
{
	info->state = info->began || info->ended ? NVB_CAPSULE_EXITED : NVB_CAPSULE_CREATED;
}

/* 0 also when there is none: one without a record is just being made or removed. */
static int add(struct list *list, int parent, const char *id, bool running, nvb_error **err)
{
	_cleanup_close_ int directory = openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *record = NULL;

	if (directory < 0 || nvb_file_read(directory, "record", NVB_RECORD_MOST, &record, NULL, NULL) < 0)
		return 0;
	/* One that is being made counts when it is done. */
	if (running && nvb_record_flag(record, "parked"))
		return 0;
	if (!NVB_GROW(list->items, list->count, list->capacity))
		return nvb_fail_oom(err);
	read_info(record, id, &list->items[list->count]);
	if (running) {
		judge_running(directory, record, &list->items[list->count]);
		read_chosen_ports(directory, &list->items[list->count]);
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
	size_t known = list->count;
	int rc = 0;

	if (!path)
		return nvb_fail_oom(err);
	if (known)
		qsort(list->items, known, sizeof(*list->items), by_id);
	while (rc == 0 && dir && (entry = readdir(dir)))
		if (nvb_record_is_id(entry->d_name) && !has(list, known, entry->d_name))
			rc = add(list, dirfd(dir), entry->d_name, running, err);
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

		rc = add(&list, parent, id, i == 0, err);
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
