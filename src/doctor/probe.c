/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "doctor/checks.h"

/*
 * Runs programs in throw-away capsules: the whole way that a user's goes. The root is a directory with this
 * host's C library and the probe (tools/nvbind-probe), since what calls CUDA is linked dynamically, so no
 * image is needed and none is fetched.
 */
#if defined(__x86_64__)
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define LOADER "/lib/ld-linux-aarch64.so.1"
#else
#error "the probe does not know this architecture's loader"
#endif

enum { LIMIT_MS = 60 * 1000, MOST_OUTPUT = 8192, MOST_FILE = 64 << 20 };

static const char *const libraries[] = {
	"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", NULL};

static int copy(const char *from, const char *root, const char *to, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *directory = NULL, *data = NULL;
	_cleanup_close_ int fd = -1;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, from, MOST_FILE, &data, &size, err);

	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s%s", root, to) < 0 || !(directory = strdup(path)))
		return nvb_fail_oom(err);
	*strrchr(directory, '/') = '\0';
	rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);
	if (rc < 0)
		return rc;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0755);
	rc = fd < 0 ? -errno : nvb_write_all(fd, data, size);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* The C library as this host's programs find it: the driver root's may be another's. */
static int copy_library(
	const struct nvb_ldcache *cache, const char *soname, const char *root, nvb_error **err)
{
	for (size_t i = 0; i < cache->count; i++) {
		int32_t abi = cache->entries[i].flags & NVB_LDCACHE_ABI_MASK;

		if (nvb_streq(cache->entries[i].soname, soname) &&
			(abi == NVB_LDCACHE_ABI_X86_64 || abi == NVB_LDCACHE_ABI_AARCH64) &&
			*cache->entries[i].path == '/')
			return copy(cache->entries[i].path, root, cache->entries[i].path, err);
	}
	return 0; /* in new C libraries only the first is there */
}

static int make_root(const struct nvb_doctor *d, const char *root, nvb_error **err)
{
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};
	char *data = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, "/etc/ld.so.cache", NVB_LDCACHE_MAX, &data, &size, err);

	if (rc == 0 && nvb_ldcache_parse(&cache, data, size, err) < 0) {
		free(data);
		return -NVB_ERR_CORRUPT;
	}
	if (rc == 0)
		rc = copy(LOADER, root, LOADER, err);
	for (const char *const *library = libraries; rc == 0 && *library; library++)
		rc = copy_library(&cache, *library, root, err);
	return rc < 0 ? rc : copy(d->options.probe, root, "/nvbind-probe", err);
}

/* What bolt says when it starts a capsule with that argument for --gpu ("" none). The first line of it is in
 * *said. */
static int run_capsule(
	const struct nvb_doctor *d, const char *root, const char *gpus, char **said, nvb_error **err)
{
	_cleanup_strv_ char **argv = NULL;
	bool ok = nvb_strv_add(&argv, d->options.bolt) && nvb_strv_add(&argv, "surge") &&
		  nvb_strv_add(&argv, "run");

	nvb_strv_foreach (argument, d->options.arguments)
		ok = ok && nvb_strv_add(&argv, *argument);
	ok = ok && nvb_strv_add(&argv, "--rm") && nvb_strv_add(&argv, "--network") &&
	     nvb_strv_add(&argv, "none");
	if (*gpus)
		ok = ok && nvb_strv_add(&argv, "--gpu") && nvb_strv_add(&argv, gpus);
	ok = ok && nvb_strv_add(&argv, root) && nvb_strv_add(&argv, "/nvbind-probe");
	ok = ok && nvb_strv_add(&argv, *gpus ? "gpu" : "nothing");
	if (!ok)
		return nvb_fail_oom(err);
	return nvb_doctor_call(argv, true, MOST_OUTPUT, LIMIT_MS, said, err);
}

static void remove_root(char **root)
{
	if (*root)
		nvb_file_remove_tree(AT_FDCWD, *root, NULL);
}

/* The last line is the program's, or the reason why there was none. */
static const char *last_line(char *text)
{
	size_t n = strlen(text);
	char *newline;

	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	newline = strrchr(text, '\n');
	return newline ? newline + 1 : text;
}

/* Makes a root, runs the probe, takes the root away. Status or negated code. */
static int probe(const struct nvb_doctor *d, const char *gpus, char **said, nvb_error **err)
{
	const char *tmp = getenv("TMPDIR");
	char path[256];
	_cleanup_(remove_root) char *root = NULL;
	int rc;

	snprintf(path, sizeof(path), "%.200s/nvbind-probe.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
	if (!mkdtemp(path))
		return nvb_fail_errno(err, errno, "%s", path);
	root = path;
	/* A capsule's users, who are others in a namespace, go through it. */
	rc = chmod(path, 0755) < 0 ? nvb_fail_errno(err, errno, "%s", path) : make_root(d, path, err);
	return rc < 0 ? rc : run_capsule(d, path, gpus, said, err);
}

static bool can_probe(struct nvb_doctor *d, struct nvb_doctor_finding *f)
{
	if (!d->options.bolt || access(d->options.bolt, X_OK) < 0 || !d->options.probe ||
		access(d->options.probe, X_OK) < 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "bolt, which runs capsules, is not installed");
	return f->status == NVB_DOCTOR_FINE;
}

static void judge(struct nvb_doctor *d, struct nvb_doctor_finding *f, int status, char *said, nvb_error *why,
	const char *command, const char *what)
{
	if (status < 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "%s", nvb_error_message(why));
	else if (status)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, command, "%s: %s", what, last_line(said));
}

NVB_LOOK(probe_runtime)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *said = NULL;
	int status;

	(void)check;
	if (!can_probe(d, f))
		return;
	status = probe(d, "", &said, &why);
	judge(d, f, status, said, why,
		nvb_doctor_install(d, &(struct nvb_doctor_package){"runc", "runc", "runc", "runc"}),
		"a capsule without GPUs cannot be started");
}

NVB_LOOK(probe_gpu)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *said = NULL;
	int status;

	(void)check;
	if (!nvb_doctor_has_module(d) || (!d->inventory->gpu_count && !nvb_doctor_is_wsl(d))) {
		nvb_doctor_absent(f);
		return;
	}
	if (!can_probe(d, f))
		return;
	status = probe(d, "all", &said, &why);
	if (status > 0 && (strstr(said, "exclusive") || strstr(said, "is held"))) {
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "%s", last_line(said));
		return;
	}
	judge(d, f, status, said, why, "bolt surge run --rm --gpu all IMAGE nvidia-smi",
		"a GPU program in a capsule with all GPUs failed");
	if (status == 0)
		nvb_doctor_saw(d, f, "%s", last_line(said));
}
