/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/judge.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

/* Devices that work beside GPUs. No block devices, none that reach memory, disks or other programs' input. */
static const char *const device_prefixes[] = {
	"/dev/infiniband/", /* verbs of RDMA cards */
	"/dev/nvidia",	    /* the driver's own, nvidia-fs, capabilities */
	"/dev/gdrdrv",	    /* GDRCopy */
	"/dev/dri/",	    /* render nodes */
	"/dev/mst/",	    /* NVIDIA network cards' own tools */
	"/dev/video",	    /* cameras, codecs */
	"/dev/snd/",	    /* sound */
	"/dev/ntsync",	    /* Wine's locks */
	"/dev/knem",	    /* copies between processes for MPI */
	"/dev/xpmem",
};

const char *const nvb_plugin_default_sources[] = {
	"/opt", "/srv", "/usr/share", "/usr/local/share", "/etc/nvbind", NULL};

/* Where mounts may land: nowhere that programs or the system find code or settings by themselves. */
static const char *const target_prefixes[] = {"/opt/", "/srv/", "/mnt/", "/usr/share/", "/usr/local/share/",
	"/var/lib/", "/etc/nvbind/", "/run/nvbind/"};

/* Variables by which a program loads code, and what says which GPUs a container has. "*" at the end: and all
 * that begin so. */
static const char *const forbidden_variables[] = {"LD_*", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH",
	"NLSPATH", "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND",
	"PYTHON*", "PERL*", "RUBY*", "NODE_*", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "HOME", "USER", "SHELL",
	"HOSTNAME", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_*", "NVBIND_*",
	"CUDA_INJECTION64_PATH", "CUDA_MPS_*"};

static int refuse(nvb_error **err, const char *what, const char *value, const char *why)
{
	return nvb_fail(err, NVB_ERR_PERMISSION, "%s '%.200s': %s", what, value, why);
}

/* Absolute, without empty parts, "." and "..", and of visible characters. */
static bool is_plain_path(const char *path)
{
	if (*path != '/' || strlen(path) > 4000)
		return false;
	for (const char *part = path; part; part = strchr(part + 1, '/')) {
		size_t n = strcspn(part + 1, "/");

		if (n == 0 || (n == 1 && part[1] == '.') || (n == 2 && part[1] == '.' && part[2] == '.'))
			return false;
	}
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	return true;
}

static bool begins_with_any(const char *path, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *rest = nvb_after(path, prefixes[i]);

		if (rest && (*rest || prefixes[i][strlen(prefixes[i]) - 1] != '/'))
			return true;
	}
	return false;
}

static bool is_there(const struct nvb_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if ((edit->kind == NVB_EDIT_DEVICE && nvb_streq(edit->device.container, path)) ||
			(edit->kind == NVB_EDIT_MOUNT && nvb_streq(edit->mount.container, path)) ||
			(edit->kind == NVB_EDIT_LINK && nvb_streq(edit->link.path, path)))
			return true;
	}
	return false;
}

static int judge_device(const struct nvb_plugin_judge *judge, const char *path, const char *access,
	struct stat *node, nvb_error **err)
{
	int rc;

	if (!is_plain_path(path) || !begins_with_any(path, device_prefixes, NVB_ELEMENTS(device_prefixes)))
		return refuse(err, "device", path, "plugins give none of that kind");
	if (!nvb_streq(access, "r") && !nvb_streq(access, "w") && !nvb_streq(access, "rw"))
		return refuse(err, "access", access, "not r, w or rw");
	if (is_there(judge->plan, path))
		return refuse(err, "device", path, "the container has it already");
	/* A link would be another device's name. */
	rc = nvb_root_stat(&judge->inventory->roots.dev, path, false, node);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "device '%.200s'", path);
	if (!S_ISCHR(node->st_mode))
		return refuse(err, "device", path, "not a character device");
	return 0;
}

static bool is_below(const char *path, char *const *directories)
{
	for (char *const *d = directories; *d; d++) {
		const char *rest = nvb_after(path, *d);

		if (rest && *rest == '/')
			return true;
	}
	return false;
}

/* What others could change would be theirs to put into containers: the source, and each directory on the way
 * to it. In a sticky one nobody replaces what is another's. */
static int judge_source(const char *source, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *real = NULL;
	struct stat st;
	int rc = nvb_root_open(&root, "/", err);

	if (rc == 0)
		rc = nvb_root_realpath(&root, source, &real, err);
	if (rc < 0)
		return rc;
	if (!nvb_streq(real, source))
		return refuse(err, "source", source, "a link leads elsewhere");
	for (char *end = real;; *end = '/') {
		bool whole;

		end = strchrnul(end + 1, '/');
		whole = !*end;
		*end = '\0';
		rc = nvb_root_stat(&root, real, false, &st);
		if (rc < 0)
			return nvb_fail_errno(err, -rc, "source '%.200s'", real);
		if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
			((st.st_mode & 0022) && (whole || !(st.st_mode & S_ISVTX))))
			return refuse(err, "source", real, "others than root can write it");
		if (whole)
			break;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return refuse(err, "source", source, "neither a file nor a directory");
	return 0;
}

static int judge_mount(
	const struct nvb_plugin_judge *judge, const char *source, const char *target, nvb_error **err)
{
	char *const *sources = judge->sources ? judge->sources : (char *const *)nvb_plugin_default_sources;

	if (!is_plain_path(source) || !is_below(source, sources))
		return nvb_hint(err,
			refuse(err, "source", source, "not below a directory that plugins may mount from"),
			"[plugins] mount-sources lists them");
	if (!is_plain_path(target) ||
		!begins_with_any(target, target_prefixes, NVB_ELEMENTS(target_prefixes)))
		return refuse(err, "target", target, "plugins mount nothing there");
	if (is_there(judge->plan, target))
		return refuse(err, "target", target, "the container has something there already");
	return judge_source(source, err);
}

static bool is_forbidden(const char *name)
{
	for (size_t i = 0; i < NVB_ELEMENTS(forbidden_variables); i++) {
		const char *pattern = forbidden_variables[i];
		size_t n = strlen(pattern);

		if (pattern[n - 1] == '*' ? strncmp(name, pattern, n - 1) == 0 : nvb_streq(name, pattern))
			return true;
	}
	return false;
}

static int judge_env(const struct nvb_plan *plan, const char *name, const char *value, nvb_error **err)
{
	bool good = isalpha((unsigned char)*name) || *name == '_';

	for (const char *p = name; good && *p; p++)
		good = p - name < 128 && (isalnum((unsigned char)*p) || *p == '_');
	if (!good)
		return refuse(err, "variable", name, "not a variable's name");
	if (is_forbidden(name))
		return refuse(err, "variable", name, "plugins do not set it");
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			return refuse(err, "variable", name, "its value holds control characters");
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_ENV && nvb_streq(plan->edits[i].env.name, name))
			return refuse(err, "variable", name, "the container has it already");
	return 0;
}

static int parse_gpu(const struct nvb_plan *plan, const char *text, int *gpu, nvb_error **err)
{
	uint32_t number;

	if (!*text) {
		*gpu = NVB_SCOPE_COMMON;
		return 0;
	}
	if (!nvb_parse_u32(text, &number) || number >= plan->device_count)
		return nvb_fail(
			err, NVB_ERR_INVALID, "a device '%.20s', which the container does not get", text);
	*gpu = (int)number;
	return 0;
}

int nvb_plugin_judge(const struct nvb_plugin_judge *judge, const struct nvb_plugin_record *record, int *gpu,
	struct stat *node, nvb_error **err)
{
	const char *const *texts = record->texts;
	int rc = parse_gpu(judge->plan, texts[0], gpu, err);

	if (rc < 0)
		return rc;
	for (const char *p = texts[3]; *p; p++)
		if ((unsigned char)*p < ' ' || p - texts[3] > 500)
			return nvb_fail(err, NVB_ERR_INVALID, "a reason that is too long or not one line");
	if (!*texts[3])
		return nvb_fail(err, NVB_ERR_INVALID, "an edit without a reason");
	if (record->kind == NVB_RECORD_DEVICE)
		return judge_device(judge, texts[1], texts[2], node, err);
	if (record->kind == NVB_RECORD_MOUNT)
		return judge_mount(judge, texts[1], texts[2], err);
	return judge_env(judge->plan, texts[1], texts[2], err);
}
