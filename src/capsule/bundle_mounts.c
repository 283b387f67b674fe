/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "capsule/bundle_parts.h"
#include "capsule/staged.h"

void nvb_bundle_add_mount(struct nvb_strbuf *out, const char *target, const char *type, const char *source,
	const char *const *options)
{
	if (out->len && out->s[out->len - 1] != '[')
		nvb_sb_addc(out, ',');
	nvb_sb_add(out, "{\"destination\":");
	nvb_sb_add_json(out, target);
	nvb_sb_addf(out, ",\"type\":\"%s\",\"source\":", type);
	nvb_sb_add_json(out, source);
	nvb_sb_add(out, ",\"options\":");
	nvb_bundle_add_strings(out, options);
	nvb_sb_addc(out, '}');
}
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The user's word counts before the plan's (a profile's), that before docker's default. */
static uint64_t shm_size(const struct nvb_bundle *bundle)
{
	uint64_t size = bundle->spec->shm_size;

	for (size_t i = 0; !size && bundle->plan && i < bundle->plan->edit_count; i++)
		if (bundle->plan->edits[i].kind == NVB_EDIT_SHM)
			size = bundle->plan->edits[i].shm;
	return size ? size : UINT64_C(64) << 20;
}

/* The file systems every container has: Docker's, in the order they must be mounted in. */
static void add_system_mounts(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	const char *access = bundle->spec->privileged ? "rw" : "ro";
	char size[32];

	snprintf(size, sizeof(size), "size=%llu", (unsigned long long)shm_size(bundle));
	nvb_bundle_add_mount(out, "/proc", "proc", "proc", OPTIONS("nosuid", "noexec", "nodev"));
	nvb_bundle_add_mount(
		out, "/dev", "tmpfs", "tmpfs", OPTIONS("nosuid", "strictatime", "mode=755", "size=65536k"));
	/* Group 5 is tty's on every distribution; a user namespace may not have it. */
	nvb_bundle_add_mount(out, "/dev/pts", "devpts", "devpts",
		bundle->rootless
			? OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
			: OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"));
	/* sysfs shows a network namespace: the owner of another may not mount it, only see the host's. */
	if (bundle->rootless && bundle->spec->network == NVB_NETWORK_HOST)
		nvb_bundle_add_mount(
			out, "/sys", "none", "/sys", OPTIONS("rbind", "nosuid", "noexec", "nodev", "ro"));
	else
		nvb_bundle_add_mount(
			out, "/sys", "sysfs", "sysfs", OPTIONS("nosuid", "noexec", "nodev", access));
	if (bundle->rootless && !nvb_bundle_sees_unified())
		/* There is no group of the capsule's own, so there is none to show. */
		nvb_bundle_add_mount(out, "/sys/fs/cgroup", "tmpfs", "tmpfs",
			OPTIONS("nosuid", "noexec", "nodev", "ro", "mode=755", "size=4k"));
	else
		nvb_bundle_add_mount(out, "/sys/fs/cgroup", "cgroup", "cgroup",
			OPTIONS("nosuid", "noexec", "nodev", "relatime", access));
	nvb_bundle_add_mount(out, "/dev/mqueue", "mqueue", "mqueue", OPTIONS("nosuid", "noexec", "nodev"));
	nvb_bundle_add_mount(
		out, "/dev/shm", "tmpfs", "shm", OPTIONS("nosuid", "noexec", "nodev", "mode=1777", size));
}

/* What is mounted besides, from four places, to be brought into one order. */
struct extra {
	const char *target;
	size_t depth, order;
	const struct nvb_edit *edit;	 /* or */
	const struct nvb_volume *volume; /* or */
	const struct nvb_tmpfs *tmpfs;	 /* or */
	const char *file;		 /* one of the hosts files */
};

struct extra_list {
	struct extra *extras;
	size_t count, capacity;
};

static void release_extras(struct extra_list *list)
{
	free(list->extras);
}

static int push(struct extra_list *list, struct extra extra, nvb_error **err)
{
	if (!NVB_GROW(list->extras, list->count, list->capacity))
		return nvb_fail_oom(err);
	for (const char *p = extra.target; *p; p++)
		extra.depth += *p == '/';
	extra.order = list->count;
	list->extras[list->count++] = extra;
	return 0;
}

/* A mount inside another comes after it ("-v /etc" and our /etc/hosts); otherwise the order stays. */
static int by_depth(const void *a, const void *b)
{
	const struct extra *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* A path that the user mounts something of his own at. */
static bool is_users(const struct nvb_capsule_spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->volume_count; i++)
		if (nvb_streq(spec->volumes[i].target, path))
			return true;
	return false;
}

static int push_edit(const struct nvb_bundle *bundle, const struct nvb_edit *edit, struct extra_list *list,
	nvb_error **err)
{
	struct stat st;

	if (edit->kind != NVB_EDIT_MOUNT || edit->mount.via == NVB_VIA_LAYER)
		return 0;
	if ((!edit->mount.type || nvb_streq(edit->mount.type, "bind")) && stat(edit->mount.host, &st) < 0) {
		if (edit->required)
			return nvb_fail_errno(err, errno, "%s (%s)", edit->mount.host, edit->reason);
		nvb_info(bundle->log, "%s is gone and left out: %s", edit->mount.host, edit->reason);
		return 0;
	}
	return push(list, (struct extra){.target = edit->mount.container, .edit = edit}, err);
}

/* Whoever brings a /dev of his own brings its nodes: a container starts with /dev/null at the least. */
static int check_volume(const struct nvb_volume *volume, nvb_error **err)
{
	_cleanup_free_ char *null = NULL;
	struct stat st;

	if (!nvb_streq(volume->target, "/dev"))
		return 0;
	if (asprintf(&null, "%s/null", volume->source) < 0)
		return nvb_fail_oom(err);
	if (stat(null, &st) == 0 && S_ISCHR(st.st_mode))
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_INVALID,
			"volume %s: no container runs with it as its /dev, it has no null", volume->source),
		"mount it below /dev, or somewhere else");
}

static int collect(const struct nvb_bundle *bundle, struct extra_list *list, nvb_error **err)
{
	static const char *const files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
	const struct nvb_capsule_spec *spec = bundle->spec;
	int rc = 0;

	for (size_t i = 0; rc == 0 && bundle->hosts_directory && i < NVB_ELEMENTS(files); i++)
		if (!is_users(spec, files[i]))
			rc = push(list, (struct extra){.target = files[i], .file = strrchr(files[i], '/')},
				err);
	for (size_t i = 0; rc == 0 && bundle->plan && i < bundle->plan->edit_count; i++)
		rc = push_edit(bundle, &bundle->plan->edits[i], list, err);
	for (size_t i = 0; rc == 0 && i < spec->tmpfs_count; i++)
		rc = push(
			list, (struct extra){.target = spec->tmpfs[i].target, .tmpfs = &spec->tmpfs[i]}, err);
	for (size_t i = 0; rc == 0 && i < spec->volume_count; i++)
		rc = check_volume(&spec->volumes[i], err);
	for (size_t i = 0; rc == 0 && i < spec->volume_count; i++)
		rc = push(list,
			(struct extra){.target = spec->volumes[i].target, .volume = &spec->volumes[i]}, err);
	if (rc == 0 && list->count)
		qsort(list->extras, list->count, sizeof(*list->extras), by_depth);
	return rc;
}

static bool add_tmpfs(struct nvb_strbuf *out, const struct nvb_tmpfs *tmpfs)
{
	_cleanup_strv_ char **options = nvb_strv_split("nosuid,nodev,noexec", ",");
	_cleanup_strv_ char **own = nvb_strv_split(tmpfs->options, ",");
	bool ok = options && own;

	nvb_strv_foreach (o, own)
		ok = ok && nvb_strv_add(&options, *o);
	if (ok)
		nvb_bundle_add_mount(out, tmpfs->target, "tmpfs", "tmpfs", (const char *const *)options);
	return ok;
}

/* A bind of something on the host, by whoever makes the mounts: the runtime or CRIU. */
static int add_bind(const struct nvb_bundle *bundle, struct nvb_strbuf *out, const struct extra *extra,
	const char *source, const char *const *options, nvb_error **err)
{
	_cleanup_free_ char *staged = NULL;
	int rc = bundle->restores ? nvb_bind_stage(bundle->hosts_directory, extra->order, source, options,
					    &staged, err)
				  : 0;

	if (rc == 0)
		nvb_bundle_add_mount(out, extra->target, "bind", staged ? staged : source, options);
	return rc;
}

static int add_hosts_file(
	const struct nvb_bundle *bundle, struct nvb_strbuf *out, const struct extra *extra, nvb_error **err)
{
	bool shared = bundle->hosts_shared && nvb_streq(extra->file, "/hosts");
	_cleanup_free_ char *source = NULL;

	if (asprintf(&source, "%s%s", bundle->hosts_directory, extra->file) < 0)
		return nvb_fail_oom(err);
	/* One that is shared lies where nothing bounds it, and what the capsule wrote would not last. */
	return add_bind(bundle, out, extra, source,
		shared			  ? OPTIONS("rbind", "rprivate", "ro", "nosuid", "nodev", "noexec")
		: bundle->spec->read_only ? OPTIONS("rbind", "rprivate", "ro")
					  : OPTIONS("rbind", "rprivate"),
		err);
}

static int add_extra(
	const struct nvb_bundle *bundle, struct nvb_strbuf *out, const struct extra *extra, nvb_error **err)
{
	const struct nvb_edit *edit = extra->edit;
	const struct nvb_volume *volume = extra->volume;

	if (extra->file)
		return add_hosts_file(bundle, out, extra, err);
	if (extra->tmpfs)
		return add_tmpfs(out, extra->tmpfs) ? 0 : nvb_fail_oom(err);
	if (volume)
		return add_bind(bundle, out, extra, volume->source,
			OPTIONS("rbind", volume->propagation, volume->read_only ? "ro" : "rw"), err);
	if (!edit->mount.type || nvb_streq(edit->mount.type, "bind"))
		return add_bind(
			bundle, out, extra, edit->mount.host, (const char *const *)edit->mount.options, err);
	nvb_bundle_add_mount(out, edit->mount.container, edit->mount.type, edit->mount.host,
		(const char *const *)edit->mount.options);
	return 0;
}

int nvb_bundle_add_mounts(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_(release_extras) struct extra_list list = {0};
	int rc = collect(bundle, &list, err);

	if (rc < 0)
		return rc;
	nvb_sb_add(out, ",\"mounts\":[");
	add_system_mounts(bundle, out);
	if (bundle->rootless)
		rc = nvb_bundle_add_device_mounts(bundle, out, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < list.count; i++)
		rc = add_extra(bundle, out, &list.extras[i], err);
	nvb_sb_addc(out, ']');
	return rc;
}

static const char *bind_target(const struct extra *extra)
{
	if (extra->tmpfs)
		return NULL;
	if (extra->edit && extra->edit->mount.type && !nvb_streq(extra->edit->mount.type, "bind"))
		return NULL;
	return extra->target;
}

int nvb_bundle_add_binds(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_(release_extras) struct extra_list list = {0};
	const char *comma = "";
	int rc = collect(bundle, &list, err);

	nvb_sb_addc(out, '[');
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		const char *target = bind_target(&list.extras[i]);

		if (!target)
			continue;
		nvb_sb_add(out, comma);
		nvb_sb_add_json(out, target);
		comma = ",";
	}
	nvb_sb_addc(out, ']');
	return rc;
}
