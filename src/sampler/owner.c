/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/owner.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/mountinfo.h"
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

/*
 * Who may make control groups may give them any name, so a name counts only where the one who is meant would
 * have put it. Paths are read from the top, and not beyond a container's own group: what lies below is the
 * container's to name. What lies below a user's or a service's group is theirs, and neither bolt, kubelet nor
 * slurmd is there.
 */
struct place {
	const char *above; /* the group that holds this one; NULL at the top */
	bool theirs;	   /* below a group that is given to a user or to a service */
	bool kubelet;	   /* below the group of all pods */
	bool slurm;	   /* below the group of all jobs */
};

/* systemd's scopes of containers: PREFIX-<64 hex>.scope; conmon's own ("libpod-conmon-...") have no id there.
 * "libpod-payload-" is podman's with --cgroups=split, within the service that started it. */
static const struct {
	const char *prefix;
	enum nvb_owner owner;
} scopes[] = {
	{"docker-", NVB_OWNER_DOCKER},
	{"libpod-payload-", NVB_OWNER_PODMAN},
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
static bool read_id(const struct place *place, const char *part, struct nvb_owner_words *words)
{
	size_t n = hex_length(part);

	if (n != CONTAINER_ID || part[n])
		return false;
	words->owner = NVB_OWNER_CONTAINER;
	if (place->above && nvb_streq(place->above, "docker"))
		words->owner = NVB_OWNER_DOCKER;
	else if (place->above &&
		 (nvb_streq(place->above, "libpod_parent") || nvb_streq(place->above, "libpod")))
		words->owner = NVB_OWNER_PODMAN;
	copy(words->id, part, CONTAINER_ID);
	return true;
}

/* "/bolt/<id>": capsules are there and nowhere else (capsule/entry.c). */
static bool read_capsule(const char *part, struct nvb_owner_words *words)
{
	size_t n = hex_length(part);

	if (n < BOLT_ID_LEAST || part[n])
		return false;
	words->owner = NVB_OWNER_CAPSULE;
	copy(words->id, part, n);
	return true;
}

/* The group of all pods: "kubepods" or, under systemd, "kubepods.slice"; with kubelet's --cgroup-root
 * "kubelet-kubepods.slice". */
static bool is_kubelet(const char *part)
{
	return nvb_after(part, "kubepods") || strstr(part, "-kubepods");
}

/* "pod<uid>" (cgroupfs) or "kubepods-burstable-pod<uid with _>.slice" (systemd). */
static void read_pod(const char *part, struct nvb_owner_words *words)
{
	const char *uid = nvb_after(part, "pod");
	const char *inside = strstr(part, "-pod");
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

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && nvb_streq(s + n - m, end);
}

/* "/slurm" and "/slurm_NODE", or systemd's "slurmstepd.scope" and "NODE_slurmstepd.scope" in a slice. */
static bool is_slurm(const struct place *place, const char *part)
{
	return place->above ? ends_with(place->above, ".slice") && ends_with(part, "slurmstepd.scope")
			    : nvb_streq(part, "slurm") || nvb_after(part, "slurm_");
}

/* "job_123", then "step_0" (or "step_batch", "step_extern"). What a job runs in containers is the job's. True
 * when the path has nothing more to say. */
static bool read_slurm(const struct place *place, const char *part, struct nvb_owner_words *words)
{
	const char *job = nvb_after(part, "job_"), *step = nvb_after(part, "step_");

	if (words->owner != NVB_OWNER_SLURM) {
		if (!job || !is_number(job))
			return false;
		words->owner = NVB_OWNER_SLURM;
		copy(words->id, job, strlen(job));
		return false;
	}
	if (step && place->above && nvb_after(place->above, "job_") &&
		strlen(words->id) + strlen(step) + 2 < NVB_OWNER_TEXT &&
		step[strspn(step, "0123456789abcdefghijklmnopqrstuvwxyz")] == '\0') {
		strcat(words->id, ".");
		strcat(words->id, step);
	}
	return true;
}

/* Groups of whole systems, whose root names what is below: lxc's and Incus', systemd-nspawn's. */
static bool is_system(const struct place *place, const char *part)
{
	return nvb_after(part, "lxc.payload") || (place->above && nvb_streq(place->above, "lxc")) ||
	       (nvb_after(part, "machine-") && ends_with(part, ".scope")) ||
	       nvb_after(part, "systemd-nspawn@");
}

/* One name of the path. True when what follows does not count. */
static bool read_part(struct place *place, const char *part, struct nvb_owner_words *words)
{
	if (place->slurm)
		return read_slurm(place, part, words);
	if (is_system(place, part) || read_scope(part, words) || read_id(place, part, words))
		return true;
	if (place->theirs)
		return false;
	place->slurm = is_slurm(place, part);
	place->kubelet |= is_kubelet(part);
	if (place->kubelet && !*words->pod)
		read_pod(part, words);
	place->theirs = ends_with(part, ".service");
	return false;
}

static void read_path(char *path, struct nvb_owner_words *words)
{
	struct place place = {0};
	bool bolt = false, end = false;
	char *save = NULL;

	for (char *part = strtok_r(path, "/", &save); part && !end; part = strtok_r(NULL, "/", &save)) {
		/* "/../x": above the root of our own namespace of control groups. */
		if (nvb_streq(part, ".."))
			continue;
		end = bolt ? read_capsule(part, words) : read_part(&place, part, words);
		bolt = !place.above && nvb_streq(part, "bolt");
		place.above = part;
	}
	/* The engine below Kubernetes is nobody's concern. */
	if (*words->pod && words->owner != NVB_OWNER_HOST)
		words->owner = NVB_OWNER_POD;
}

/* Behind the root of a hierarchy as it is mounted here. */
static char *below_root(char *path, char *const *roots)
{
	nvb_strv_foreach (root, roots) {
		const char *rest = nvb_after(path, *root);

		if (rest && (*rest == '/' || *rest == '\0'))
			return path + (rest - path);
	}
	return path;
}

void nvb_owner_read(const char *text, char *const *roots, struct nvb_owner_words *words)
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
			read_path(below_root(path + 1, roots), &found);
		}
	}
	if (!copied)
		found.owner = NVB_OWNER_UNKNOWN;
	*words = found;
}

bool nvb_owner_roots(char *mountinfo, char ***roots)
{
	struct nvb_mountinfo mount;

	while (nvb_mountinfo_next(&mountinfo, &mount))
		if (nvb_after(mount.type, "cgroup") && nvb_after(mount.point, "/sys/fs/cgroup") &&
			!nvb_streq(mount.root, "/") && !nvb_after(mount.root, "/..") &&
			!nvb_strv_contains(*roots, mount.root) && !nvb_strv_add(roots, mount.root))
			return false;
	return true;
}
