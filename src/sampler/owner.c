/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/owner.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { CONTAINER_ID = 64, BOLT_ID_LEAST = 8, POD_UID_LEAST = 32 };

static size_t hex_length(const char *s)
{
	return strspn(s, "0123456789abcdef");
}

static void copy(char out[static NVB_OWNER_TEXT], const char *s, size_t n)
{
	if (n >= NVB_OWNER_TEXT)
		n = NVB_OWNER_TEXT - 1;
	memcpy(out, s, n);
	out[n] = '\0';
}

/* systemd's scopes of containers: PREFIX-<64 hex>.scope; conmon's own ("libpod-conmon-...") have no id there.
 */
static const struct {
	const char *prefix;
	enum nvb_owner owner;
} scopes[] = {
	{"docker-", NVB_OWNER_DOCKER},
	{"libpod-", NVB_OWNER_PODMAN},
	{"cri-containerd-", NVB_OWNER_CONTAINERD},
	{"containerd-", NVB_OWNER_CONTAINERD},
	{"nerdctl-", NVB_OWNER_CONTAINERD},
	{"crio-", NVB_OWNER_CRIO},
};

/* "cri-containerd:...": what containerd's cgroupfs driver would write is "PREFIX:NAME:ID" under systemd. */
static bool read_scope(const char *part, struct nvb_owner_words *words)
{
	for (size_t i = 0; i < NVB_ELEMENTS(scopes); i++) {
		const char *id = nvb_after(part, scopes[i].prefix);

		if (!id || hex_length(id) != CONTAINER_ID ||
			(id[CONTAINER_ID] && !nvb_streq(id + CONTAINER_ID, ".scope")))
			continue;
		words->owner = scopes[i].owner;
		copy(words->id, id, CONTAINER_ID);
		return true;
	}
	return false;
}

/* A part that is only an id, below the part that says whose. */
static bool read_id(const char *before, const char *part, struct nvb_owner_words *words)
{
	bool container = hex_length(part) == CONTAINER_ID && !part[CONTAINER_ID];
	size_t n = hex_length(part);

	if (before && nvb_streq(before, "bolt") && n >= BOLT_ID_LEAST && !part[n]) {
		words->owner = NVB_OWNER_CAPSULE;
		copy(words->id, part, n);
		return true;
	}
	if (!container)
		return false;
	words->owner = NVB_OWNER_CONTAINER;
	if (before && nvb_streq(before, "docker"))
		words->owner = NVB_OWNER_DOCKER;
	else if (before && (nvb_streq(before, "libpod_parent") || nvb_streq(before, "libpod")))
		words->owner = NVB_OWNER_PODMAN;
	copy(words->id, part, CONTAINER_ID);
	return true;
}

/* "pod<uid>" (cgroupfs) or "kubepods-burstable-pod<uid with _>.slice" (systemd). */
static void read_pod(const char *part, struct nvb_owner_words *words)
{
	const char *uid = nvb_after(part, "pod");
	const char *inside = nvb_after(part, "kubepods") ? strstr(part, "-pod") : NULL;
	size_t n;

	if (!uid && inside)
		uid = inside + strlen("-pod");
	n = uid ? strspn(uid, "0123456789abcdef-_") : 0;
	if (n < POD_UID_LEAST || (uid[n] && !nvb_streq(uid + n, ".slice")))
		return;
	copy(words->pod, uid, n);
	for (char *c = words->pod; *c; c++)
		if (*c == '_')
			*c = '-';
}

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0' && strlen(s) <= 20;
}

/* "job_123" below something of Slurm's, then "step_0" (or "step_batch", "step_extern"). */
static void read_slurm(const char *before, const char *part, bool *slurm, struct nvb_owner_words *words)
{
	const char *job = nvb_after(part, "job_"), *step = nvb_after(part, "step_");

	if (nvb_after(part, "slurm"))
		*slurm = true;
	if (!*slurm)
		return;
	if (job && is_number(job)) {
		words->owner = NVB_OWNER_SLURM;
		copy(words->id, job, strlen(job));
	} else if (step && before && nvb_after(before, "job_") && words->owner == NVB_OWNER_SLURM &&
		   strlen(words->id) + strlen(step) + 2 < NVB_OWNER_TEXT &&
		   step[strspn(step, "0123456789abcdefghijklmnopqrstuvwxyz")] == '\0') {
		strcat(words->id, ".");
		strcat(words->id, step);
	}
}

static void read_path(char *path, struct nvb_owner_words *words)
{
	const char *before = NULL;
	bool slurm = false;

	for (char *save = NULL, *part = strtok_r(path, "/", &save); part;
		before = part, part = strtok_r(NULL, "/", &save)) {
		read_pod(part, words);
		if (!read_scope(part, words) && !read_id(before, part, words))
			read_slurm(before, part, &slurm, words);
	}
	/* The engine below Kubernetes is nobody's concern. */
	if (*words->pod && words->owner != NVB_OWNER_HOST)
		words->owner = NVB_OWNER_POD;
}

void nvb_owner_read(const char *text, struct nvb_owner_words *words)
{
	_cleanup_free_ char *copied = strdup(text);
	struct nvb_owner_words found = {.owner = NVB_OWNER_HOST};

	/* Each line "N:controllers:path"; all lines of v1 mostly name the same, the first that says something
	 * counts. */
	for (char *save = NULL, *line = copied ? strtok_r(copied, "\n", &save) : NULL;
		line && found.owner == NVB_OWNER_HOST; line = strtok_r(NULL, "\n", &save)) {
		char *path = strchr(line, ':');

		path = path ? strchr(path + 1, ':') : NULL;
		if (path) {
			found = (struct nvb_owner_words){.owner = NVB_OWNER_HOST};
			read_path(path + 1, &found);
		}
	}
	if (!copied)
		found.owner = NVB_OWNER_UNKNOWN;
	*words = found;
}
