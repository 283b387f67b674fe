/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/bundle.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/log.h"
#include "capsule/bundle_parts.h"
#include "capsule/filter_cache.h"
#include "capsule/sandbox.h"

/* The OCI runtime specification's config.json, from nothing: each function writes one of its objects. */

static void add_key(struct nvb_strbuf *out, const char *key)
{
	nvb_sb_addf(out, ",\"%s\":", key);
}

void nvb_bundle_add_strings(struct nvb_strbuf *out, const char *const *strings)
{
	nvb_sb_addc(out, '[');
	for (const char *const *s = strings; s && *s; s++) {
		if (s != strings)
			nvb_sb_addc(out, ',');
		nvb_sb_add_json(out, *s);
	}
	nvb_sb_addc(out, ']');
}

/* {"KEY":"VALUE",...} from "KEY=VALUE" strings. */
static void add_pairs(struct nvb_strbuf *out, char *const *pairs)
{
	nvb_strv_foreach (p, pairs) {
		size_t n = strcspn(*p, "=");
		char *key = strndup(*p, n);

		if (!key) {
			out->failed = true;
			return;
		}
		if (p != pairs)
			nvb_sb_addc(out, ',');
		nvb_sb_add_json(out, key);
		nvb_sb_addc(out, ':');
		nvb_sb_add_json(out, (*p)[n] ? *p + n + 1 : "");
		free(key);
	}
}

static void add_capability_set(struct nvb_strbuf *out, const char *key, uint64_t set)
{
	bool first = true;

	nvb_sb_addf(out, "\"%s\":[", key);
	for (int i = 0; i < NVB_CAPABILITY_COUNT; i++)
		if (set >> i & 1) {
			nvb_sb_addf(out, "%s\"%s\"", first ? "" : ",", nvb_capability_name(i));
			first = false;
		}
	nvb_sb_addc(out, ']');
}

/* A program that is not root starts without capabilities, as after execve(2) by one that is not; the bounding
 * set is what set-uid programs could still get. Nothing is inheritable (CVE-2022-24769). */
static void add_capabilities(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	uint64_t own = bundle->process->user.uid == 0 ? bundle->capabilities : 0;

	add_key(out, "capabilities");
	nvb_sb_addc(out, '{');
	add_capability_set(out, "bounding", bundle->capabilities);
	nvb_sb_addc(out, ',');
	add_capability_set(out, "effective", own);
	nvb_sb_addc(out, ',');
	add_capability_set(out, "permitted", own);
	nvb_sb_addc(out, '}');
}

static void add_user(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	const struct nvb_user *user = &bundle->process->user;
	bool first = true;

	nvb_sb_addf(out, "\"user\":{\"uid\":%u,\"gid\":%u,\"additionalGids\":[", user->uid, user->gid);
	for (size_t i = 0; i < user->group_count; i++) {
		nvb_sb_addf(out, "%s%u", first ? "" : ",", user->groups[i]);
		first = false;
	}
	/* Groups of the host do not exist in a user namespace. */
	for (size_t i = 0; bundle->plan && !bundle->rootless && i < bundle->plan->edit_count; i++)
		if (bundle->plan->edits[i].kind == NVB_EDIT_GID) {
			nvb_sb_addf(out, "%s%u", first ? "" : ",", bundle->plan->edits[i].gid);
			first = false;
		}
	nvb_sb_add(out, "]}");
}

/* A limit above the hard limit this process has makes the runtime refuse the container: give what there is
 * and say so. */
static void add_rlimit(
	const struct nvb_bundle *bundle, struct nvb_ulimit limit, bool *first, struct nvb_strbuf *out)
{
	/* CAP_SYS_RESOURCE; that of a user namespace raises nothing. */
	bool may_raise = !bundle->rootless && (nvb_own_capabilities() >> 24 & 1);
	struct rlimit own;

	if (!may_raise && getrlimit((__rlimit_resource_t)limit.resource, &own) == 0 &&
		limit.hard > own.rlim_max) {
		nvb_warning(bundle->log,
			"%s: the limit asked for is above bolt's own, which it may not raise; %llu "
			"is used",
			limit.name, (unsigned long long)own.rlim_max);
		limit.hard = own.rlim_max;
		if (limit.soft > limit.hard)
			limit.soft = limit.hard;
	}
	nvb_sb_addf(out, "%s{\"type\":\"%s\",\"hard\":%llu,\"soft\":%llu}", *first ? "" : ",", limit.name,
		(unsigned long long)limit.hard, (unsigned long long)limit.soft);
	*first = false;
}

static bool is_set_by_user(const struct nvb_capsule_spec *spec, int resource)
{
	for (size_t i = 0; i < spec->ulimit_count; i++)
		if (spec->ulimits[i].resource == resource)
			return true;
	return false;
}

/* The user's own limits, and of the plan's (a profile's) those that the user left open. */
static void add_rlimits(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	bool first = true;

	add_key(out, "rlimits");
	nvb_sb_addc(out, '[');
	for (size_t i = 0; i < bundle->spec->ulimit_count; i++)
		add_rlimit(bundle, bundle->spec->ulimits[i], &first, out);
	for (size_t i = 0; bundle->plan && i < bundle->plan->edit_count; i++) {
		const struct nvb_edit *edit = &bundle->plan->edits[i];
		struct nvb_ulimit limit;

		if (edit->kind != NVB_EDIT_RLIMIT || !nvb_ulimit_find(edit->rlimit.name, &limit) ||
			is_set_by_user(bundle->spec, limit.resource))
			continue;
		limit.soft = limit.hard = edit->rlimit.value;
		add_rlimit(bundle, limit, &first, out);
	}
	nvb_sb_addc(out, ']');
}

static void add_process(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	const struct nvb_process *process = bundle->process;

	nvb_sb_add(out, "\"process\":{");
	add_user(bundle, out);
	add_key(out, "terminal");
	nvb_sb_add(out, bundle->spec->terminal ? "true" : "false");
	if (bundle->spec->terminal && bundle->rows)
		nvb_sb_addf(
			out, ",\"consoleSize\":{\"height\":%u,\"width\":%u}", bundle->rows, bundle->columns);
	add_key(out, "args");
	nvb_bundle_add_strings(out, (const char *const *)process->args);
	add_key(out, "env");
	nvb_bundle_add_strings(out, (const char *const *)process->env);
	add_key(out, "cwd");
	nvb_sb_add_json(out, process->working_directory);
	add_capabilities(bundle, out);
	add_rlimits(bundle, out);
	add_key(out, "noNewPrivileges");
	nvb_sb_add(out, bundle->spec->no_new_privileges && !bundle->spec->privileged ? "true" : "false");
	nvb_sb_addc(out, '}');
}

/* Hooks come from CDI specs of others only; ours need none. */
static void add_hooks(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	static const char *const moments[] = {
		"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
	bool any = false;

	for (size_t m = 0; m < NVB_ELEMENTS(moments); m++) {
		bool here = false;

		for (size_t i = 0; bundle->plan && i < bundle->plan->edit_count; i++) {
			const struct nvb_edit *edit = &bundle->plan->edits[i];

			if (edit->kind != NVB_EDIT_HOOK || !nvb_streq(edit->hook.when, moments[m]))
				continue;
			if (!any)
				nvb_sb_add(out, ",\"hooks\":{");
			if (!here)
				nvb_sb_addf(out, "%s\"%s\":[", any ? "," : "", moments[m]);
			nvb_sb_add(out, here ? ",{\"path\":" : "{\"path\":");
			any = here = true;
			nvb_sb_add_json(out, edit->hook.path);
			add_key(out, "args");
			nvb_bundle_add_strings(out, edit->hook.args);
			add_key(out, "env");
			nvb_bundle_add_strings(out, edit->hook.env);
			if (edit->hook.timeout > 0)
				nvb_sb_addf(out, ",\"timeout\":%d", edit->hook.timeout);
			nvb_sb_addc(out, '}');
		}
		if (here)
			nvb_sb_addc(out, ']');
	}
	if (any)
		nvb_sb_addc(out, '}');
}

/* With v1 a private cgroup namespace hides nothing that is not mounted anyway, and docker gives none. */
bool nvb_bundle_sees_unified(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static void add_namespaces(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	nvb_sb_add(out, "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"pid\"},{"
			"\"type\":\"ipc\"}");
	if (bundle->netns) {
		nvb_sb_add(out, ",{\"type\":\"network\",\"path\":");
		nvb_sb_add_json(out, bundle->netns);
		nvb_sb_addc(out, '}');
	} else if (bundle->spec->network == NVB_NETWORK_NONE) {
		nvb_sb_add(out, ",{\"type\":\"network\"}");
	}
	/* Only in one of its own can the root of a user namespace mount the control groups. */
	if (nvb_bundle_sees_unified() && (bundle->rootless || !bundle->spec->privileged))
		nvb_sb_add(out, ",{\"type\":\"cgroup\"}");
	nvb_sb_addc(out, ']');
}

static int add_linux(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	const struct nvb_capsule_spec *spec = bundle->spec;
	int rc;

	add_key(out, "linux");
	nvb_sb_addc(out, '{');
	add_namespaces(bundle, out);
	/* As docker for a network of the container's own: any program may bind any port and send echo
	 * requests. The range of groups must exist in the user namespace. */
	if (spec->network != NVB_NETWORK_HOST)
		nvb_sb_addf(out,
			",\"sysctl\":{\"net.ipv4.ip_unprivileged_port_start\":\"0\","
			"\"net.ipv4.ping_group_range\":\"0 %s\"}",
			bundle->rootless ? "0" : "2147483647");
	if (bundle->cgroup) {
		add_key(out, "cgroupsPath");
		nvb_sb_add_json(out, bundle->cgroup);
	}
	rc = nvb_bundle_add_devices(bundle, out, err);
	if (!spec->privileged && !spec->unmasked) {
		add_key(out, "maskedPaths");
		nvb_bundle_add_strings(out, nvb_masked_paths);
		add_key(out, "readonlyPaths");
		nvb_bundle_add_strings(out, nvb_readonly_paths);
	}
	if (bundle->seccomp) {
		add_key(out, "seccomp");
		nvb_sb_add(out, bundle->seccomp);
	}
	nvb_sb_addc(out, '}');
	return rc;
}

static void add_annotations(const struct nvb_bundle *bundle, struct nvb_strbuf *out)
{
	if (!bundle->spec->annotations && !bundle->seccomp_filter)
		return;
	add_key(out, "annotations");
	nvb_sb_addc(out, '{');
	add_pairs(out, bundle->spec->annotations);
	if (bundle->seccomp_filter)
		nvb_sb_addf(out, "%s\"%s\":\"%s\"", bundle->spec->annotations ? "," : "",
			NVB_FILTER_ANNOTATION, bundle->seccomp_filter);
	nvb_sb_addc(out, '}');
}

int nvb_bundle_write(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	int rc;

	nvb_sb_addf(out, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\",\"readonly\":%s}",
		bundle->spec->read_only ? "true" : "false");
	nvb_sb_addc(out, ',');
	add_process(bundle, out);
	add_key(out, "hostname");
	nvb_sb_add_json(out, bundle->hostname);
	rc = nvb_bundle_add_mounts(bundle, out, err);
	add_hooks(bundle, out);
	if (rc == 0)
		rc = add_linux(bundle, out, err);
	add_annotations(bundle, out);
	nvb_sb_addc(out, '}');
	if (rc == 0 && out->failed)
		return nvb_fail_oom(err);
	return rc;
}

int nvb_bundle_write_process(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err)
{
	bool first = true;
	int rc = 0;

	nvb_sb_addc(out, '{');
	add_process(bundle, out);
	add_key(out, "groups");
	nvb_sb_addc(out, '[');
	for (size_t i = 0; bundle->plan && !bundle->rootless && i < bundle->plan->edit_count; i++)
		if (bundle->plan->edits[i].kind == NVB_EDIT_GID) {
			nvb_sb_addf(out, "%s%u", first ? "" : ",", bundle->plan->edits[i].gid);
			first = false;
		}
	nvb_sb_addc(out, ']');
	add_key(out, "home");
	nvb_sb_add_json(out, bundle->process->user.home);
	if (bundle->hosts_directory) {
		add_key(out, "bundle");
		nvb_sb_add_json(out, bundle->hosts_directory);
	}
	nvb_sb_addf(out, ",\"cgroup\":%s", bundle->cgroup ? "true" : "false");
	if (bundle->cgroup) {
		add_key(out, "binds");
		rc = nvb_bundle_add_binds(bundle, out, err);
	}
	nvb_sb_addc(out, '}');
	return rc < 0 ? rc : out->failed ? nvb_fail_oom(err) : 0;
}
