/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/filter_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	INSTRUCTION = 8,		     /* struct sock_filter */
	LARGEST_FILTER = 4096 * INSTRUCTION, /* BPF_MAXINSNS */
	LARGEST_FILE = 1 << 21,
	SLOTS = 16, /* profiles are few; a slot that two want is written by turns */
};

bool nvb_filter_annotated(char *const *annotations)
{
	nvb_strv_foreach (pair, annotations)
		if (nvb_after(*pair, "run.oci.seccomp"))
			return true;
	return false;
}

/*
 * A file is "<runtime> <inode> <mtime in ns> <size>\n", the filter in base64, "\n", and the profile. All of
 * it is compared, so the slot's number needs no strength.
 */
static char *describe(const char *runtime)
{
	struct stat st;
	char *line;

	if (stat(runtime, &st) < 0 ||
		asprintf(&line, "%s %llu %lld%09ld %lld\n", runtime, (unsigned long long)st.st_ino,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size) < 0)
		return NULL;
	return line;
}

/* FNV-1a. */
static uint32_t mix(uint32_t hash, const char *s)
{
	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619U;
	return hash;
}

static char *slot_path(const struct nvb_state *state, const char *description, const char *profile)
{
	uint32_t hash = mix(mix(2166136261U, description), profile);
	char *path;

	return asprintf(&path, "%s/filters/%u", state->run, hash % SLOTS) < 0 ? NULL : path;
}

char *nvb_filter_recall(const struct nvb_state *state, const char *runtime, const char *profile)
{
	_cleanup_free_ char *description = describe(runtime), *text = NULL;
	_cleanup_free_ char *path = description ? slot_path(state, description, profile) : NULL;
	const char *filter, *end;

	if (!path || nvb_file_read(AT_FDCWD, path, LARGEST_FILE, &text, NULL, NULL) < 0)
		return NULL;
	filter = nvb_after(text, description);
	end = filter ? strchr(filter, '\n') : NULL;
	if (!end || !nvb_streq(end + 1, profile))
		return NULL;
	return strndup(filter, (size_t)(end - filter));
}

static void add_base64(struct nvb_strbuf *out, const unsigned char *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		size_t n = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;
		char four[4] = {[2] = '=', [3] = '='};

		if (n > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (n > 2)
			bits |= data[i + 2];
		for (size_t digit = 0; digit <= n; digit++)
			four[digit] = digits[bits >> (18 - 6 * digit) & 63];
		nvb_sb_addn(out, four, sizeof(four));
	}
}

/* Written beside and renamed: another bolt may be reading. Not flushed: it need not outlive this boot. */
static int replace(
	const struct nvb_state *state, const char *path, const struct nvb_strbuf *text, nvb_error **err)
{
	_cleanup_free_ char *directory = NULL, *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	if (asprintf(&directory, "%s/filters", state->run) < 0 ||
		asprintf(&temporary, "%s.%d", path, getpid()) < 0)
		return nvb_fail_oom(err);
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, "%s", directory);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, text->s, text->len);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		unlink(temporary);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

int nvb_filter_keep(
	const struct nvb_state *state, const struct nvb_entry *entry, const char *profile, nvb_error **err)
{
	_cleanup_free_ char *made = NULL, *filter = NULL, *path = NULL;
	_cleanup_free_ char *description = describe(entry->runtime);
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	size_t size;
	int rc;

	if (!description || asprintf(&made, "%s/%s/seccomp.bpf", entry->runtime_root, entry->id) < 0)
		return nvb_fail_oom(err);
	rc = nvb_file_read(AT_FDCWD, made, LARGEST_FILTER, &filter, &size, err);
	if (rc < 0)
		return rc;
	if (size == 0 || size % INSTRUCTION != 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s is no system call filter: %zu bytes", made, size);
	path = slot_path(state, description, profile);
	nvb_sb_add(&text, description);
	add_base64(&text, (const unsigned char *)filter, size);
	nvb_sb_addc(&text, '\n');
	nvb_sb_add(&text, profile);
	if (!path || text.failed)
		return nvb_fail_oom(err);
	return replace(state, path, &text, err);
}
