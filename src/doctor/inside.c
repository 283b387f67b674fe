/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ldcache.h"
#include "base/str.h"
#include "doctor/ask.h"
#include "inventory/libs.h"

#define MAGIC UINT32_C(0x45444953)

enum { LIMIT_MS = 5000, CHILD_SECONDS = 10 };

/* --- which container --- */

static pid_t ask_engine(const char *program, const char *name)
{
	char *const argv[] = {(char *)program, (char *)"inspect", (char *)"--type", (char *)"container",
		(char *)"--format", (char *)"{{.State.Pid}}", (char *)"--", (char *)name, NULL};
	_cleanup_free_ char *output = NULL;
	uint32_t pid;

	if (nvb_doctor_call(argv, false, 256, LIMIT_MS, &output, NULL) != 0)
		return -1;
	output[strcspn(output, "\n")] = '\0';
	return nvb_parse_u32(output, &pid) && pid <= INT32_MAX ? (pid_t)pid : -1;
}

/* Our own program prints JSON whose "pid" comes before anything that a user has named. */
static pid_t ask_bolt(const char *bolt, const char *name)
{
	char *const argv[] = {
		(char *)bolt, (char *)"capsule", (char *)"inspect", (char *)"--", (char *)name, NULL};
	_cleanup_free_ char *output = NULL;
	const char *pid;

	if (nvb_doctor_call(argv, false, 1 << 20, LIMIT_MS, &output, NULL) != 0)
		return -1;
	pid = strstr(output, "\"pid\": ");
	return pid ? (pid_t)strtol(pid + sizeof("\"pid\": ") - 1, NULL, 10) : -1;
}

int nvb_inside_find(struct nvb_inside *inside, const char *name, const char *bolt, nvb_error **err)
{
	static const char *const engines[] = {"docker", "podman"};
	bool known = false;
	pid_t pid = bolt ? ask_bolt(bolt, name) : -1;

	inside->engine = "bolt";
	for (size_t i = 0; pid <= 0 && i < NVB_ELEMENTS(engines); i++) {
		_cleanup_free_ char *program = nvb_doctor_find_program(engines[i]);

		known |= pid == 0;
		pid = program ? ask_engine(program, name) : -1;
		inside->engine = engines[i];
	}
	known |= pid == 0;
	if (pid <= 0 && known)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_CONFLICT, "container %s does not run", name),
			"start it first");
	if (pid <= 0)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "no container or capsule is called %s", name),
			"bolt, docker and podman were asked; those of other users are not seen");
	inside->pid = pid;
	return 0;
}

/* --- the child --- */

/* Where the control group of a kind is mounted, and the container's path there. */
static bool find_cgroup(pid_t pid, char *path, size_t size)
{
	_cleanup_strv_ char **lines = NULL;
	_cleanup_free_ char *text = NULL;
	char file[64], unified[512] = "";

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (nvb_file_read(AT_FDCWD, file, 64 * 1024, &text, NULL, NULL) < 0)
		return false;
	lines = nvb_strv_split(text, "\n");
	nvb_strv_foreach (line, lines) {
		const char *controllers = strchr(*line, ':'),
			   *where = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!where)
			continue;
		if (where == controllers + 1)
			snprintf(unified, sizeof(unified), "%s", where + 1);
		else if (nvb_after(controllers, ":devices:")) {
			snprintf(path, size, "/sys/fs/cgroup/devices%s/cgroup.procs", where + 1);
			if (access(path, F_OK) == 0)
				return true;
		}
	}
	snprintf(path, size, "/sys/fs/cgroup%s/cgroup.procs", unified);
	return *unified && access(path, F_OK) == 0;
}

static bool join_cgroup(pid_t pid)
{
	_cleanup_close_ int fd = -1;
	char path[640];

	if (!find_cgroup(pid, path, sizeof(path)))
		return false;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0", 1) == 1;
}

static void look_at_node(
	struct nvb_inside_record *record, const struct nvb_root *root, const struct nvb_node *node)
{
	struct nvb_inside_node *out;
	struct stat st;
	int fd;

	if (!node->path || !node->present || record->node_count == NVB_INSIDE_NODES)
		return;
	out = &record->nodes[record->node_count++];
	snprintf(out->path, sizeof(out->path), "%s", node->path);
	if (nvb_root_stat(root, node->path, true, &st) < 0)
		return;
	out->present = S_ISCHR(st.st_mode) && st.st_rdev == makedev(node->major, node->minor) ? 1 : -1;
	if (out->present != 1)
		return;
	fd = nvb_root_openat(root, node->path, O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	out->opens = fd < 0 ? -fd : 0;
	if (fd >= 0)
		close(fd);
}

/* libcuda.so.1 leads to the file of the version. /proc is another's namespace here: no call that needs it. */
static void look_at_libcuda(struct nvb_inside_record *record, const struct nvb_root *root, const char *path)
{
	const char *slash, *version;
	char target[512];
	struct stat st;

	record->libcuda = nvb_root_stat(root, path, true, &st) == 0 ? 1 : -1;
	if (nvb_root_readlink(root, path, target, sizeof(target)) < 0)
		return;
	slash = strrchr(target, '/');
	version = nvb_lib_version(slash ? slash + 1 : target);
	snprintf(record->version, sizeof(record->version), "%.31s", version ? version : "");
}

static void look_at_libraries(struct nvb_inside_record *record, const struct nvb_root *root)
{
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};
	char *data = NULL;
	size_t size;

	if (nvb_root_read(root, "/etc/ld.so.cache", NVB_LDCACHE_MAX, &data, &size, NULL) < 0)
		return;
	if (nvb_ldcache_parse(&cache, data, size, NULL) < 0)
		free(data);
	for (size_t i = 0; i < cache.count; i++)
		if (nvb_streq(cache.entries[i].soname, "libcuda.so.1")) {
			look_at_libcuda(record, root, cache.entries[i].path);
			return;
		}
}

static bool any_exists(const struct nvb_root *root, const char *const *paths)
{
	struct stat st;

	for (; *paths; paths++)
		if (nvb_root_stat(root, *paths, true, &st) == 0)
			return true;
	return false;
}

/* Returns the exit status: an errno where it could not get there. */
static int look_from_inside(pid_t pid, const struct nvb_inventory *inventory, int out)
{
	static const char *const vulkan[] = {"/usr/share/vulkan/icd.d/nvidia_icd.json",
		"/etc/vulkan/icd.d/nvidia_icd.json", "/usr/share/vulkan/icd.d/nvidia_icd.x86_64.json",
		"/usr/share/vulkan/icd.d/nvidia_icd.aarch64.json", NULL};
	static const char *const egl[] = {"/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
		"/etc/glvnd/egl_vendor.d/10_nvidia.json", NULL};
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	struct nvb_inside_record record = {.magic = MAGIC};
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	struct stat theirs, ours;
	char path[64];
	int flags = CLONE_NEWNS;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (process < 0 || stat(path, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return errno;
	if (theirs.st_ino != ours.st_ino)
		flags |= CLONE_NEWUSER;
	/* From here on its root could trace us where it sees us. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	alarm(CHILD_SECONDS);
	record.in_cgroup = join_cgroup(pid);
	if (setns(process, flags) < 0 || chdir("/") < 0)
		return errno;
	if (nvb_root_open(&root, "/", NULL) < 0)
		return ENOENT;
	for (size_t i = 0; i < inventory->control_count; i++)
		look_at_node(&record, &root, &inventory->control[i]);
	for (size_t i = 0; i < inventory->gpu_count; i++)
		look_at_node(&record, &root, &inventory->gpus[i].node);
	look_at_libraries(&record, &root);
	record.vulkan = any_exists(&root, vulkan);
	record.egl = any_exists(&root, egl);
	return nvb_write_all(out, &record, sizeof(record)) < 0 ? EIO : 0;
}

/* --- the parent --- */

static bool is_plausible(struct nvb_inside_record *record)
{
	record->version[sizeof(record->version) - 1] = '\0';
	for (size_t i = 0; i < NVB_INSIDE_NODES; i++)
		record->nodes[i].path[sizeof(record->nodes[0].path) - 1] = '\0';
	for (char *c = record->version; *c; c++)
		if (!strchr("0123456789.", *c))
			*c = '?';
	return record->magic == MAGIC && record->node_count <= NVB_INSIDE_NODES;
}

static int read_environment(struct nvb_inside *inside)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)inside->pid);
	return nvb_file_read(AT_FDCWD, path, NVB_INSIDE_ENVIRONMENT, &inside->environment,
		&inside->environment_size, NULL);
}

int nvb_inside_look(struct nvb_inside *inside, const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_close_ int from = -1;
	int ends[2], status = 0;
	size_t got = 0;
	ssize_t n = 1;
	pid_t child;

	read_environment(inside);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "a pipe");
	child = fork();
	if (child == 0)
		_exit(look_from_inside(inside->pid, inventory, ends[1]));
	close(ends[1]);
	from = ends[0];
	if (child < 0)
		return nvb_fail_errno(err, errno, "a process");
	while (n > 0 && got < sizeof(inside->record)) {
		n = read(from, (char *)&inside->record + got, sizeof(inside->record) - got);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			got += (size_t)n;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status)) {
		int why = WEXITSTATUS(status),
		    rc = nvb_fail_errno(err, why, "looking from inside the container");

		return why == EPERM || why == EACCES ? nvb_hint(err, rc, "run it with sudo") : rc;
	}
	if (got < sizeof(inside->record) || !is_plausible(&inside->record))
		return nvb_fail(
			err, NVB_ERR_SYSTEM, "looking from inside the container: it did not come to an end");
	return 0;
}

void nvb_inside_release(struct nvb_inside *inside)
{
	free(inside->environment);
	inside->environment = NULL;
}

const char *nvb_inside_variable(const struct nvb_inside *inside, const char *name)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < inside->environment_size;) {
		const char *entry = inside->environment + at;

		if (strncmp(entry, name, n) == 0 && entry[n] == '=')
			return entry + n + 1;
		at += strlen(entry) + 1;
	}
	return NULL;
}
