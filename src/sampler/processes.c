/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/processes.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "base/proc.h"
#include "base/str.h"
#include "sampler/owner.h"

enum { TEXT_MOST = 64 * 1024, COMMAND_MOST = 4096 };
#define FORGOTTEN_AFTER UINT64_C(10000000000)

static void forget(struct nvb_known_process *p)
{
	free(p->name);
	free(p->command);
	free(p->id);
	free(p->owner_name);
	free(p->pod);
	*p = (struct nvb_known_process){.pid = p->pid, .asked = p->asked, .uid = UINT32_MAX};
}

static char *read_proc(uint32_t pid, const char *file, size_t max, size_t *size)
{
	char path[64], *text = NULL;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	return nvb_file_read(AT_FDCWD, path, max, &text, size, NULL) == 0 ? text : NULL;
}

/* "NSpid:\t4711\t12\t1": the last is the innermost. */
static uint32_t inner_pid(uint32_t pid)
{
	_cleanup_free_ char *status = read_proc(pid, "status", TEXT_MOST, NULL);
	char *line = status ? strstr(status, "\nNSpid:") : NULL, *last;
	uint32_t found = 0;

	if (!line)
		return 0;
	line += strlen("\nNSpid:");
	line[strcspn(line, "\n")] = '\0';
	last = strrchr(line, '\t');
	return last && nvb_parse_u32(last + 1, &found) ? found : 0;
}

/* Arguments joined by spaces. What a process wrote there is its own affair: control characters go. */
static char *command_line(uint32_t pid)
{
	size_t size = 0;
	char *text = read_proc(pid, "cmdline", TEXT_MOST, &size);

	while (text && size && text[size - 1] == '\0')
		size--;
	if (!text || size == 0) {
		free(text);
		return NULL;
	}
	if (size > COMMAND_MOST)
		size = COMMAND_MOST;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	text[size] = '\0';
	return text;
}

static void find_owner(const struct nvb_known_processes *known, struct nvb_known_process *p)
{
	_cleanup_free_ char *text = read_proc(p->pid, "cgroup", TEXT_MOST, NULL);
	struct nvb_owner_words words = {.owner = NVB_OWNER_UNKNOWN};

	if (text)
		nvb_owner_read(text, known->roots, &words);
	if (words.owner == NVB_OWNER_HOST && known->capsule_of) {
		p->id = known->capsule_of(known->data, p->pid);
		if (p->id)
			words.owner = NVB_OWNER_CAPSULE;
	}
	/* In a pid namespace of its own, and nobody that we know: still not the host's. */
	if (words.owner == NVB_OWNER_HOST && p->inner_pid && p->inner_pid != p->pid)
		words.owner = NVB_OWNER_CONTAINER;
	p->owner = words.owner;
	if (!p->id && *words.id)
		p->id = strdup(words.id);
	if (*words.pod)
		p->pod = strdup(words.pod);
}

static void look(const struct nvb_known_processes *known, struct nvb_known_process *p, uint64_t now)
{
	uint64_t started = nvb_proc_start_time((pid_t)p->pid);
	struct stat st;
	char path[32];

	if (p->checked && started == p->started) {
		p->checked = now;
		return;
	}
	forget(p);
	p->checked = now;
	p->started = started;
	p->owner = NVB_OWNER_UNKNOWN;
	if (!started)
		return;
	snprintf(path, sizeof(path), "/proc/%u", p->pid);
	if (stat(path, &st) == 0)
		p->uid = st.st_uid;
	p->inner_pid = inner_pid(p->pid);
	p->name = read_proc(p->pid, "comm", TEXT_MOST, NULL);
	if (p->name)
		p->name[strcspn(p->name, "\n")] = '\0';
	p->command = command_line(p->pid);
	find_owner(known, p);
}

static struct nvb_known_process *find(struct nvb_known_processes *known, uint32_t pid)
{
	size_t low = 0, high = known->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (known->items[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < known->count && known->items[low].pid == pid)
		return &known->items[low];
	if (!NVB_GROW(known->items, known->count, known->capacity))
		return NULL;
	memmove(&known->items[low + 1], &known->items[low], (known->count - low) * sizeof(known->items[0]));
	known->items[low] = (struct nvb_known_process){.pid = pid, .uid = UINT32_MAX};
	known->count++;
	return &known->items[low];
}

static bool copy(nvb_sample *sample, const char *from, const char **to)
{
	if (from)
		*to = nvb_arena_strdup(&sample->arena, from);
	return !from || *to;
}

bool nvb_known_process_fill(struct nvb_known_processes *known, uint64_t now, nvb_sample *sample,
	struct nvb_sample_process *process)
{
	struct nvb_known_process *p = find(known, process->pid);

	if (!p)
		return false;
	if (!p->checked || now - p->checked >= known->patience)
		look(known, p, now);
	p->asked = now;
	if (p->owner == NVB_OWNER_CAPSULE && !p->named && known->capsule_name && p->id) {
		p->owner_name = known->capsule_name(known->data, p->id);
		p->named = p->owner_name != NULL;
	}
	process->inner_pid = p->inner_pid;
	process->uid = p->uid;
	process->started_ns = p->started * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
	process->owner = p->owner;
	return copy(sample, p->name, &process->name) && copy(sample, p->command, &process->command) &&
	       copy(sample, p->id, &process->owner_id) && copy(sample, p->owner_name, &process->owner_name) &&
	       copy(sample, p->pod, &process->pod);
}

void nvb_known_processes_begin(struct nvb_known_processes *known)
{
	_cleanup_free_ char *mounts = NULL;

	if (nvb_file_read(AT_FDCWD, "/proc/self/mountinfo", NVB_MOUNTINFO_MAX, &mounts, NULL, NULL) == 0)
		nvb_owner_roots(mounts, &known->roots);
}

void nvb_known_processes_sweep(struct nvb_known_processes *known, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < known->count; i++)
		if (now - known->items[i].asked < FORGOTTEN_AFTER)
			known->items[kept++] = known->items[i];
		else
			forget(&known->items[i]);
	known->count = kept;
}

void nvb_known_processes_release(struct nvb_known_processes *known)
{
	for (size_t i = 0; i < known->count; i++)
		forget(&known->items[i]);
	free(known->items);
	nvb_strv_free(known->roots);
	known->roots = NULL;
	known->items = NULL;
	known->count = known->capacity = 0;
}
