/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/str.h"
#include "capsule/bundle_parts.h"
#include "capsule/runtime_call.h"

/* One device node inside. */
struct node {
	char *path; /* malloc'd */
	char *host; /* malloc'd */
	char type;  /* 'c', 'b' */
	uint32_t major, minor, mode, uid, gid;
	char access[4];
};

struct node_list {
	struct node *nodes;
	size_t count, capacity;
};

static void release_nodes(struct node_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->nodes[i].path);
		free(list->nodes[i].host);
	}
	free(list->nodes);
}

/* A path that is there already keeps its first node: the plan's go first. */
static int add_node(
	struct node_list *list, const char *path, const char *host, const struct node *node, nvb_error **err)
{
	struct node *added;

	for (size_t i = 0; i < list->count; i++)
		if (nvb_streq(list->nodes[i].path, path))
			return 0;
	if (!NVB_GROW(list->nodes, list->count, list->capacity))
		return nvb_fail_oom(err);
	added = &list->nodes[list->count++];
	*added = *node;
	added->path = strdup(path);
	added->host = strdup(host);
	return added->path && added->host ? 0 : nvb_fail_oom(err);
}

static bool node_of(const struct stat *st, const char *access, struct node *node)
{
	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return false;
	*node = (struct node){
		.type = S_ISCHR(st->st_mode) ? 'c' : 'b',
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.mode = st->st_mode & 0777,
		.uid = st->st_uid,
		.gid = st->st_gid,
	};
	memcpy(node->access, access, strlen(access) + 1);
	return true;
}

/* Without root neither the device cgroup nor a node of our own limits what is done with a device: the host's
 * node is given as it is, to somebody who may open it anyway. */
static int check_access(const char *host, const char *access, nvb_error **err)
{
	if (strchr(access, 'r') && strchr(access, 'w'))
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "device %s: access cannot be limited to '%s' without root",
			host, access),
		"leave it out, or run bolt with sudo");
}

static int check_rootless(const char *host, const char *access, nvb_error **err)
{
	int rc = check_access(host, access, err);

	if (rc < 0)
		return rc;
	if (euidaccess(host, R_OK | W_OK) == 0)
		return 0;
	return nvb_hint(err, nvb_fail_errno(err, errno, "device %s: you may not open it yourself", host),
		"root can give it to you by its mode or its group");
}

/* The node as it is now, not as it was when the plan was made: the driver may have gone since. */
static int add_planned(
	const struct nvb_bundle *bundle, const struct nvb_edit *edit, struct node_list *list, nvb_error **err)
{
	const char *access = *edit->device.access ? edit->device.access : "rwm";
	struct node node;
	struct stat st;

	if (stat(edit->device.host, &st) < 0) {
		if (edit->required)
			return nvb_fail_errno(err, errno, "%s (%s)", edit->device.host, edit->reason);
		nvb_info(bundle->log, "%s is gone and left out: %s", edit->device.host, edit->reason);
		return 0;
	}
	if (!node_of(&st, access, &node))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: not a device node", edit->device.host);
	if (bundle->rootless) {
		_cleanup_error_ nvb_error *why = NULL;
		int rc = check_rootless(edit->device.host, access, &why);

		if (rc < 0 && edit->required) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		if (rc < 0) {
			nvb_info(bundle->log, "%s, left out: %s", nvb_error_message(why), edit->reason);
			return 0;
		}
	}
	if (edit->device.has_mode)
		node.mode = edit->device.mode & 0777;
	if (edit->device.has_uid)
		node.uid = edit->device.uid;
	if (edit->device.has_gid)
		node.gid = edit->device.gid;
	return add_node(list, edit->device.container, edit->device.host, &node, err);
}

/*
 * Every device node below a directory, to the same place below `inside`. /dev/pts, shm and mqueue are the
 * container's own; the terminal it gets as /dev/console is, too.
 */
static int add_directory(
	const char *host, const char *inside, const char *access, struct node_list *list, nvb_error **err)
{
	static const char *const own[] = {"/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console", "/dev/fd"};
	_cleanup_closedir_ DIR *dir = opendir(host);
	const struct dirent *entry;
	int rc = 0;

	/* What the caller may not see is none of his. */
	if (!dir)
		return errno == EACCES ? 0 : nvb_fail_errno(err, errno, "%s", host);
	while (rc == 0 && (entry = readdir(dir))) {
		char from[PATH_MAX], to[PATH_MAX];
		struct node node;
		struct stat st;
		bool skip = nvb_streq(entry->d_name, ".") || nvb_streq(entry->d_name, "..");

		if (skip ||
			(size_t)snprintf(from, sizeof(from), "%s/%s", host, entry->d_name) >= sizeof(from) ||
			(size_t)snprintf(to, sizeof(to), "%s/%s", inside, entry->d_name) >= sizeof(to))
			continue;
		for (size_t i = 0; !skip && i < NVB_ELEMENTS(own); i++)
			skip = nvb_streq(from, own[i]);
		if (skip || lstat(from, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			rc = add_directory(from, to, access, list, err);
		else if (node_of(&st, access, &node))
			rc = add_node(list, to, from, &node, err);
	}
	return rc;
}

static int add_asked(
	const struct nvb_host_device *device, bool rootless, struct node_list *list, nvb_error **err)
{
	struct node node;
	struct stat st;
	size_t before = list->count;
	int rc;

	if (stat(device->host, &st) < 0)
		return nvb_fail_errno(err, errno, "device %s", device->host);
	if (S_ISDIR(st.st_mode)) {
		rc = rootless ? check_access(device->host, device->access, err) : 0;
		if (rc < 0)
			return rc;
		rc = add_directory(device->host, device->container, device->access, list, err);
		if (rc == 0 && list->count == before)
			return nvb_fail(err, NVB_ERR_INVALID, "device %s: no device node in that directory",
				device->host);
		return rc;
	}
	if (!node_of(&st, device->access, &node))
		return nvb_fail(err, NVB_ERR_INVALID, "device %s: not a device node", device->host);
	rc = rootless ? check_rootless(device->host, device->access, err) : 0;
	if (rc < 0)
		return rc;
	return add_node(list, device->container, device->host, &node, err);
}

static int collect(const struct nvb_bundle *bundle, struct node_list *list, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && bundle->plan && i < bundle->plan->edit_count; i++)
		if (bundle->plan->edits[i].kind == NVB_EDIT_DEVICE)
			rc = add_planned(bundle, &bundle->plan->edits[i], list, err);
	for (size_t i = 0; rc == 0 && i < bundle->spec->device_count; i++)
		rc = add_asked(&bundle->spec->devices[i], bundle->rootless, list, err);
	if (rc == 0 && bundle->spec->privileged)
		rc = add_directory("/dev", "/dev", "rwm", list, err);
	return rc;
}

/* The runtime writes it into the new group before anything runs in it, and fails where it cannot. */
static void write_device_memory(const struct nvb_plan *plan, struct nvb_strbuf *out)
{
	for (size_t i = 0; plan && i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (edit->kind != NVB_EDIT_LIMIT || !edit->limit.dmem)
			continue;
		nvb_sb_add(out, ",\"unified\":{\"dmem.max\":");
		nvb_sb_add_json(out, edit->limit.dmem);
		nvb_sb_addc(out, '}');
		return;
	}
}

int nvb_bundle_add_devices(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_(release_nodes) struct node_list list = {0};
	int rc = bundle->rootless ? 0 : collect(bundle, &list, err);

	if (rc < 0 || bundle->rootless)
		return rc;
	nvb_sb_add(out, ",\"devices\":[");
	for (size_t i = 0; i < list.count; i++) {
		const struct node *n = &list.nodes[i];

		nvb_sb_add(out, i ? ",{\"path\":" : "{\"path\":");
		nvb_sb_add_json(out, n->path);
		nvb_sb_addf(out,
			",\"type\":\"%c\",\"major\":%u,\"minor\":%u,\"fileMode\":%u,\"uid\":%u,\"gid\":%u}",
			n->type, n->major, n->minor, n->mode, n->uid, n->gid);
	}
	nvb_sb_addf(out, "],\"resources\":{\"devices\":[{\"allow\":%s,\"access\":\"rwm\"}",
		bundle->spec->privileged ? "true" : "false");
	for (size_t i = 0; i < list.count && !bundle->spec->privileged; i++)
		nvb_sb_addf(out,
			",{\"allow\":true,\"type\":\"%c\",\"major\":%u,\"minor\":%u,\"access\":\"%s\"}",
			list.nodes[i].type, list.nodes[i].major, list.nodes[i].minor, list.nodes[i].access);
	nvb_sb_addc(out, ']');
	nvb_resources_write(&bundle->spec->resources, bundle->cpus, out);
	write_device_memory(bundle->plan, out);
	nvb_sb_addc(out, '}');
	return 0;
}

/* The runtime brings these itself, and a mount at /dev/ptmx would be in its way. */
static bool is_runtimes(const char *path)
{
	static const char *const own[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
		"/dev/urandom", "/dev/tty", "/dev/ptmx"};

	for (size_t i = 0; i < NVB_ELEMENTS(own); i++)
		if (nvb_streq(path, own[i]))
			return true;
	return false;
}

int nvb_bundle_add_device_mounts(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	static const char *const options[] = {"bind", "nosuid", "noexec", "rprivate", NULL};
	_cleanup_(release_nodes) struct node_list list = {0};
	int rc = collect(bundle, &list, err);

	for (size_t i = 0; rc == 0 && i < list.count; i++)
		if (!is_runtimes(list.nodes[i].path) && euidaccess(list.nodes[i].host, R_OK | W_OK) == 0)
			nvb_bundle_add_mount(out, list.nodes[i].path, "bind", list.nodes[i].host, options);
	return rc;
}
