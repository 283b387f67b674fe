/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"

/*
 * For their owner alone. Layers hold set-user-ID programs of whoever built the image, under names (digests)
 * that everybody can know: whoever could enter the store could run them outside of any container
 * (CVE-2021-41091 was that in another engine).
 */
static const char *const directories[] = {"refs", "images", "layers", "blobs", "blobs/sha256", "tmp"};

char *nvb_store_default_path(void)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *path;
	int n;

	if (geteuid() == 0)
		return strdup("/var/lib/bolt/store");
	if (data && *data == '/')
		n = asprintf(&path, "%s/bolt/store", data);
	else
		n = asprintf(&path, "%s/.local/share/bolt/store", home ? home : "");
	return n < 0 ? NULL : path;
}

int nvb_store_open(struct nvb_store *store, const char *path, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *copy = strdup(path);
	int rc;

	if (!copy)
		return nvb_fail_oom(err);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		rc = nvb_file_mkdirs(AT_FDCWD, path, 0700, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "image store");
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return nvb_fail_errno(err, errno, "image store %s", path);
	for (size_t i = 0; i < NVB_ELEMENTS(directories); i++)
		if (mkdirat(fd, directories[i], 0700) < 0 && errno != EEXIST)
			return nvb_fail_errno(err, errno, "image store %s/%s", path, directories[i]);
	/* Stores that others could enter have been made; who may not mend one is not its owner. */
	(void)!fchmodat(fd, "layers", 0700, 0);
	*store = (struct nvb_store){.path = NVB_TAKE_PTR(copy), .fd = NVB_TAKE_FD(fd)};
	return 0;
}

void nvb_store_close(struct nvb_store *store)
{
	if (store->path)
		close(store->fd);
	free(store->path);
	*store = (struct nvb_store){.fd = -1};
}

static int open_lock(const struct nvb_store *store, nvb_error **err)
{
	int fd = openat(store->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? nvb_fail_errno(err, errno, "image store %s/lock", store->path) : fd;
}

static int take_lock(const struct nvb_store *store, int fd, int operation, nvb_error **err)
{
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "locking the image store %s", store->path);
	return 0;
}

int nvb_store_lock(const struct nvb_store *store, enum nvb_store_lock kind, nvb_error **err)
{
	_cleanup_close_ int fd = open_lock(store, err);
	int rc = fd < 0 ? fd : take_lock(store, fd, kind == NVB_STORE_EXCLUSIVE ? LOCK_EX : LOCK_SH, err);

	return rc < 0 ? rc : NVB_TAKE_FD(fd);
}

int nvb_store_begin(const struct nvb_store *store, nvb_error **err)
{
	_cleanup_close_ int fd = open_lock(store, err);
	int rc = fd;

	if (fd < 0)
		return rc;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		rc = nvb_store_sweep(store, err);
	if (rc >= 0)
		rc = take_lock(store, fd, LOCK_SH, err);
	return rc < 0 ? rc : NVB_TAKE_FD(fd);
}

int nvb_store_workplace(const struct nvb_store *store, struct nvb_workplace *workplace, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	uint64_t token;
	char name[64];

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "random numbers");
	snprintf(name, sizeof(name), "tmp/%016llx", (unsigned long long)token);
	if (mkdirat(store->fd, name, 0700) < 0)
		return nvb_fail_errno(err, errno, "%s/%s", store->path, name);
	fd = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return nvb_fail_errno(err, errno, "%s/%s", store->path, name);
	workplace->fd = NVB_TAKE_FD(fd);
	memcpy(workplace->name, name, sizeof(name));
	return 0;
}

void nvb_workplace_remove(const struct nvb_store *store, struct nvb_workplace *workplace)
{
	if (workplace->fd < 0)
		return;
	nvb_file_remove_tree(store->fd, workplace->name, NULL);
	close(workplace->fd);
	workplace->fd = -1;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory of the store that `wanted` accepts, sorted. */
static int list_names(const struct nvb_store *store, const char *directory, bool (*wanted)(const char *),
	char ***names, nvb_error **err)
{
	_cleanup_strv_ char **found = calloc(1, sizeof(*found));
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd;

	if (!found)
		return nvb_fail_oom(err);
	fd = openat(store->fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "image store %s/%s", store->path, directory);
	while ((errno = 0, entry = readdir(dir)))
		if (wanted(entry->d_name) && !nvb_strv_add(&found, entry->d_name))
			return nvb_fail_oom(err);
	if (errno)
		return nvb_fail_errno(err, errno, "image store %s/%s", store->path, directory);
	qsort(found, nvb_strv_length(found), sizeof(*found), compare_names);
	*names = NVB_TAKE_PTR(found);
	return 0;
}

bool nvb_is_digest(const char *s)
{
	return strspn(s, "0123456789abcdef") == NVB_DIGEST_HEX && !s[NVB_DIGEST_HEX];
}

static bool is_not_hidden(const char *name)
{
	return *name != '.';
}

int nvb_store_digests(const struct nvb_store *store, const char *directory, char ***digests, nvb_error **err)
{
	return list_names(store, directory, nvb_is_digest, digests, err);
}

int nvb_store_sweep(const struct nvb_store *store, nvb_error **err)
{
	_cleanup_strv_ char **names = NULL;
	int swept = 0, rc = list_names(store, "tmp", is_not_hidden, &names, err);

	if (rc < 0)
		return rc;
	nvb_strv_foreach (name, names) {
		_cleanup_close_ int fd = -1;
		char path[320];

		snprintf(path, sizeof(path), "tmp/%s", *name);
		fd = openat(store->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue; /* somebody is at work there */
		if (nvb_file_remove_tree(store->fd, path, NULL) == 0)
			swept++;
	}
	return swept;
}

char *nvb_store_ref_path(const char *reference)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb, "refs/");
	for (; *reference; reference++) {
		if (*reference == '/')
			nvb_sb_add(&sb, "%2F");
		else
			nvb_sb_addc(&sb, *reference);
	}
	return nvb_sb_finish(&sb);
}

/* The reverse, in place. */
static void unescape(char *name)
{
	char *to = name;

	for (const char *from = name; *from;) {
		if (strncmp(from, "%2F", 3) == 0) {
			*to++ = '/';
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

int nvb_store_refs(const struct nvb_store *store, char ***references, nvb_error **err)
{
	_cleanup_strv_ char **names = NULL;
	int rc = list_names(store, "refs", is_not_hidden, &names, err);

	if (rc < 0)
		return rc;
	nvb_strv_foreach (name, names)
		unescape(*name);
	*references = NVB_TAKE_PTR(names);
	return 0;
}

int nvb_store_read_ref(const struct nvb_store *store, const char *reference,
	char id[static NVB_DIGEST_HEX + 1], nvb_error **err)
{
	_cleanup_free_ char *path = nvb_store_ref_path(reference), *text = NULL;
	const char *hex;
	int rc;

	if (!path)
		return nvb_fail_oom(err);
	rc = nvb_file_read(store->fd, path, 128, &text, NULL, err);
	if (rc < 0)
		return rc;
	text[strcspn(text, "\n")] = '\0';
	hex = nvb_after(text, "sha256:");
	if (!hex || !nvb_is_digest(hex))
		return nvb_fail(err, NVB_ERR_CORRUPT, "image store %s/%s: not a digest", store->path, path);
	memcpy(id, hex, NVB_DIGEST_HEX + 1);
	return 0;
}

int nvb_store_write_ref(const struct nvb_store *store, const char *reference, const char *id, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_store_ref_path(reference);
	char text[NVB_DIGEST_HEX + 16];
	int n = snprintf(text, sizeof(text), "sha256:%s\n", id);

	if (!path)
		return nvb_fail_oom(err);
	return nvb_file_write(store->fd, path, text, (size_t)n, 0644, err);
}

/* An id, or the beginning of exactly one. 1 when it was found, 0 when `name` is none, or a negated code. */
static int find_id(
	const struct nvb_store *store, const char *name, char id[static NVB_DIGEST_HEX + 1], nvb_error **err)
{
	const char *prefix = nvb_after(name, "sha256:") ?: name;
	size_t n = strlen(prefix);
	_cleanup_strv_ char **ids = NULL;
	const char *found = NULL;
	int rc;

	if (n < 4 || n > NVB_DIGEST_HEX || strspn(prefix, "0123456789abcdef") != n)
		return 0;
	rc = nvb_store_digests(store, "images", &ids, err);
	if (rc < 0)
		return rc;
	nvb_strv_foreach (candidate, ids) {
		if (strncmp(*candidate, prefix, n) != 0)
			continue;
		if (found)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_CONFLICT, "several images begin with %s", name),
				"give more digits of the id");
		found = *candidate;
	}
	if (found)
		memcpy(id, found, NVB_DIGEST_HEX + 1);
	return found != NULL;
}

int nvb_store_find(const struct nvb_store *store, const char *name, char id[static NVB_DIGEST_HEX + 1],
	char **reference, nvb_error **err)
{
	int (*const spellings[])(const char *, char **, nvb_error **) = {
		nvb_image_localise, nvb_image_normalise};
	_cleanup_free_ char *spelt = NULL;
	int rc;

	for (size_t i = 0; i < NVB_ELEMENTS(spellings); i++) {
		free(spelt);
		spelt = NULL;
		if (spellings[i](name, &spelt, NULL) < 0)
			continue;
		rc = nvb_store_read_ref(store, spelt, id, NULL);
		if (rc == 0) {
			*reference = NVB_TAKE_PTR(spelt);
			return 0;
		}
	}
	rc = find_id(store, name, id, err);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		*reference = NULL;
		return 0;
	}
	if (!spelt) /* neither a name nor an id: say what a name looks like */
		return nvb_image_normalise(name, &spelt, err);
	return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no such image here: %s", name),
		"'bolt image pull %s' gets it, 'bolt image ls' lists what is here", name);
}

uint64_t nvb_store_layer_size(const struct nvb_store *store, const char *digest)
{
	_cleanup_free_ char *text = NULL;
	uint64_t size = 0;
	char path[96];

	snprintf(path, sizeof(path), "layers/%s/size", digest);
	if (nvb_file_read(store->fd, path, 32, &text, NULL, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return nvb_parse_u64(text, &size) ? size : 0;
}
