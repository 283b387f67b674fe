/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/root.h"
#include "base/str.h"
#include "bolt-image.h"
#include "capsule/userns.h"

/*
 * One layer, from archive to lower directory. The archive is hostile input, held down three times: the
 * process has made the target its root directory (where it may), libarchive refuses "..", absolute names and
 * ways through links, and what overlayfs or the kernel would take orders from (trusted.*, user.overlay.*,
 * device nodes) is left out.
 *
 * Whiteouts ("an entry of a lower layer is gone") become what overlayfs uses: a character device 0:0, or an
 * attribute for a whole directory. They are applied last, because in one layer a whiteout hides only what
 * lies below it: source: OCI image specification, layer.md.
 */

enum {
	BLOCK = 128 * 1024,
	ROOM_EVERY = 16 << 20, /* bytes written between two looks at the file system */
	ROOM_ENTRY = 4096,     /* what an entry takes besides its content, about */
};

struct unpacking {
	int raw_fd;
	struct archive *raw; /* takes the compression off */
	struct archive *tar; /* reads what `raw` gives */
	struct archive *disk;
	struct sha256_ctx hash; /* of what `raw` gives */
	unsigned char *buffer;
	char **whiteouts; /* "dir/.wh.name" as they stand in the archive */
	uint64_t size;
	uint64_t since_look;	      /* bytes written since somebody looked whether there is room */
	struct nvb_ids users, groups; /* that exist, in a user namespace */
	nvb_error **err;
	void (*progress)(void *data, uint64_t bytes);
	void *data;
};

static int archive_error(struct unpacking *u, struct archive *a, const char *what)
{
	const char *text = archive_error_string(a) ?: "broken archive";
	int sys = archive_errno(a);

	if (sys == ENOSPC || sys == EDQUOT || sys == EIO || sys == EROFS)
		return nvb_fail_errno(u->err, sys, "%s", what);
	return nvb_fail(u->err, NVB_ERR_CORRUPT, "%s: %s", what, text);
}

static la_ssize_t read_uncompressed(struct archive *a, void *data, const void **block)
{
	struct unpacking *u = data;
	la_ssize_t n = archive_read_data(u->raw, u->buffer, BLOCK);

	if (n < 0) {
		archive_set_error(
			a, archive_errno(u->raw), "%s", archive_error_string(u->raw) ?: "cannot decompress");
		return ARCHIVE_FATAL;
	}
	sha256_update(&u->hash, (size_t)n, u->buffer);
	u->progress(u->data, (uint64_t)archive_filter_bytes(u->raw, -1));
	*block = u->buffer;
	return n;
}

/*
 * As root the target is the root directory, so links resolve as they will in the container ("lib -> usr/lib",
 * then "lib/x") and can lead nowhere else. Without it no way through a link is taken at all.
 */
static int disk_options(void)
{
	const int always = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
			   ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
			   ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;

	return always | (geteuid() == 0 ? ARCHIVE_EXTRACT_OWNER : ARCHIVE_EXTRACT_SECURE_SYMLINKS);
}

static int open_archives(struct unpacking *u)
{
	struct archive_entry *entry;

	u->raw = archive_read_new();
	u->tar = archive_read_new();
	u->disk = archive_write_disk_new();
	u->buffer = malloc(BLOCK);
	if (!u->raw || !u->tar || !u->disk || !u->buffer)
		return nvb_fail_oom(u->err);
	archive_read_support_filter_gzip(u->raw);
	archive_read_support_filter_zstd(u->raw);
	archive_read_support_filter_bzip2(u->raw);
	archive_read_support_filter_xz(u->raw);
	archive_read_support_format_raw(u->raw);
	archive_read_support_format_empty(u->raw);
	if (archive_read_open_fd(u->raw, u->raw_fd, BLOCK) != ARCHIVE_OK)
		return archive_error(u, u->raw, "layer");
	if (archive_read_next_header(u->raw, &entry) != ARCHIVE_OK)
		return archive_error(u, u->raw, "layer");
	archive_read_support_format_tar(u->tar);
	archive_read_support_format_empty(u->tar);
	if (archive_read_open(u->tar, u, NULL, read_uncompressed, NULL) != ARCHIVE_OK)
		return archive_error(u, u->tar, "layer");
	archive_write_disk_set_options(u->disk, disk_options());
	return 0;
}

static void close_archives(struct unpacking *u)
{
	archive_write_free(u->disk);
	archive_read_free(u->tar);
	archive_read_free(u->raw);
	free(u->buffer);
	nvb_strv_free(u->whiteouts);
	nvb_ids_release(&u->users);
	nvb_ids_release(&u->groups);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Only what a program in the container may own: overlayfs obeys the attributes that are left out here. */
static bool harmless_attribute(const char *name)
{
	if (nvb_after(name, "user.overlay."))
		return false;
	return nvb_after(name, "user.") || nvb_streq(name, "security.capability");
}

static bool filter_attributes(struct archive_entry *entry)
{
	_cleanup_(nvb_sb_release) struct nvb_strbuf kept = {0};
	const char *name;
	const void *value;
	size_t size, at = 0;
	bool drop = false;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!harmless_attribute(name)) {
			drop = true;
			continue;
		}
		nvb_sb_addn(&kept, name, strlen(name) + 1);
		nvb_sb_addn(&kept, &size, sizeof(size));
		nvb_sb_addn(&kept, value, size);
	}
	if (kept.failed)
		return false;
	if (!drop)
		return true;
	archive_entry_xattr_clear(entry);
	while (at < kept.len) {
		name = kept.s + at;
		at += strlen(name) + 1;
		memcpy(&size, kept.s + at, sizeof(size));
		at += sizeof(size);
		archive_entry_xattr_add_entry(entry, name, kept.s + at, size);
		at += size;
	}
	return true;
}

/* Leading "/" and "./" are how some tools write the top directory; libarchive would refuse the first. */
static const char *relative_name(const char *path)
{
	while (*path == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	return *path ? path : ".";
}

static void make_relative(struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
	_cleanup_free_ char *copy = path ? strdup(relative_name(path)) : NULL;
	_cleanup_free_ char *target = link ? strdup(relative_name(link)) : NULL;

	if (copy)
		archive_entry_copy_pathname(entry, copy);
	if (target)
		archive_entry_copy_hardlink(entry, target);
}

/* An owner that does not exist in the user namespace becomes root. */
static void fit_owner(const struct unpacking *u, struct archive_entry *entry)
{
	la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (!owners_are_mapped())
		return;
	if (uid < 0 || uid > UINT32_MAX || !nvb_ids_have(&u->users, (uint32_t)uid))
		archive_entry_set_uid(entry, 0);
	if (gid < 0 || gid > UINT32_MAX || !nvb_ids_have(&u->groups, (uint32_t)gid))
		archive_entry_set_gid(entry, 0);
}

/*
 * A few MiB of an archive may unpack to all that the file system has. It keeps a twentieth, a GiB at most,
 * and a hundredth of its inodes: a host whose disk is full stands still.
 */
static int look_for_room(struct unpacking *u)
{
	const uint64_t most = UINT64_C(1) << 30;
	struct statvfs fs;
	uint64_t reserve;

	u->since_look = 0;
	if (statvfs(".", &fs) < 0)
		return nvb_fail_errno(u->err, errno, "layer directory");
	reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 20;
	reserve = reserve < most ? reserve : most;
	if ((uint64_t)fs.f_bavail * fs.f_frsize >= reserve + ROOM_EVERY &&
		(!fs.f_files || fs.f_favail >= fs.f_files / 100))
		return 0;
	return nvb_fail(u->err, NVB_ERR_SYSTEM,
		"layer: after %llu MiB of it the store's file system has less than %llu MiB left; make room "
		"with "
		"'bolt image prune', or use a store elsewhere",
		(unsigned long long)(u->size >> 20), (unsigned long long)((reserve + ROOM_EVERY) >> 20));
}

static int took(struct unpacking *u, uint64_t bytes)
{
	u->since_look += bytes;
	return u->since_look < ROOM_EVERY ? 0 : look_for_room(u);
}

static int copy_content(struct unpacking *u, const char *path)
{
	const void *block;
	la_int64_t offset;
	size_t size;
	int rc;

	while ((rc = archive_read_data_block(u->tar, &block, &size, &offset)) == ARCHIVE_OK) {
		if (archive_write_data_block(u->disk, block, size, offset) < ARCHIVE_OK)
			return archive_error(u, u->disk, path);
		u->size += size;
		if (took(u, size) < 0)
			return -NVB_ERR_SYSTEM;
	}
	return rc == ARCHIVE_EOF ? 0 : archive_error(u, u->tar, path);
}

static int unpack_entry(struct unpacking *u, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	mode_t type = archive_entry_filetype(entry);
	int rc = 0;

	if (!path)
		return nvb_fail(u->err, NVB_ERR_CORRUPT, "layer: an entry without a name");
	if (nvb_after(base_name(path), ".wh."))
		return nvb_strv_add(&u->whiteouts, path) ? 0 : nvb_fail_oom(u->err);
	/* The container gets a /dev of its own; a node in an image could only be a way to the host's devices.
	 */
	if (type == AE_IFCHR || type == AE_IFBLK)
		return 0;
	if (!filter_attributes(entry))
		return nvb_fail_oom(u->err);
	fit_owner(u, entry);
	if (archive_write_header(u->disk, entry) < ARCHIVE_WARN)
		return archive_error(u, u->disk, path);
	rc = took(u, ROOM_ENTRY);
	if (rc < 0)
		return rc;
	if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
		rc = copy_content(u, path);
	if (rc == 0 && archive_write_finish_entry(u->disk) < ARCHIVE_WARN)
		rc = archive_error(u, u->disk, path);
	return rc;
}

static int set_opaque(int fd)
{
	bool host_root = geteuid() == 0 && !owners_are_mapped();
	const char *name = host_root ? "trusted.overlay.opaque" : "user.overlay.opaque";

	return fsetxattr(fd, name, "y", 1, 0) < 0 ? -errno : 0;
}

/* "dir/.wh..wh..opq": nothing of the lower layers shows in dir. */
static int apply_opaque(struct unpacking *u, int parent, const char *path)
{
	_cleanup_close_ int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : set_opaque(fd);

	return rc < 0 ? nvb_fail_errno(u->err, -rc, "%s", path) : 0;
}

static int apply_whiteout(struct unpacking *u, const struct nvb_root *root, const char *path)
{
	_cleanup_close_ int parent = -1, fd = -1;
	const char *name;
	int rc;

	parent = nvb_root_open_parent(root, path, true, &name, u->err);
	if (parent < 0)
		return parent;
	if (nvb_streq(name, ".wh..wh..opq"))
		return apply_opaque(u, parent, path);
	name += strlen(".wh.");
	if (nvb_after(name, ".wh."))
		return 0; /* bookkeeping of aufs, hides nothing */
	if (!*name || nvb_streq(name, ".") || nvb_streq(name, ".."))
		return nvb_fail(u->err, NVB_ERR_CORRUPT, "%s: a whiteout of nothing", path);
	if (mknodat(parent, name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST)
		return nvb_fail_errno(u->err, errno, "whiteout %s", path);
	/* The layer has the name itself: a file hides what is below anyway, a directory would show it. */
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	rc = set_opaque(fd);
	return rc < 0 ? nvb_fail_errno(u->err, -rc, "whiteout %s", path) : 0;
}

static int apply_whiteouts(struct unpacking *u)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	int rc = nvb_root_open(&root, ".", u->err);

	nvb_strv_foreach (path, u->whiteouts) {
		if (rc < 0)
			break;
		rc = apply_whiteout(u, &root, *path);
	}
	return rc;
}

static int unpack_entries(struct unpacking *u)
{
	struct archive_entry *entry;
	int rc;

	while ((rc = archive_read_next_header(u->tar, &entry)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		if (stop_requested())
			return stop_error(u->err);
		make_relative(entry);
		rc = unpack_entry(u, entry);
		if (rc < 0)
			return rc;
	}
	if (rc != ARCHIVE_EOF)
		return archive_error(u, u->tar, "layer");
	/* Modes and times of directories are set now, when nothing is written into them any more. */
	if (archive_write_close(u->disk) < ARCHIVE_WARN)
		return archive_error(u, u->disk, "layer");
	return apply_whiteouts(u);
}

/* What stands behind the archive's end belongs to the digest as well. */
static int drain(struct unpacking *u)
{
	const void *block;
	la_ssize_t n;

	do
		n = read_uncompressed(u->tar, u, &block);
	while (n > 0);
	return n < 0 ? archive_error(u, u->raw, "layer") : 0;
}

void digest_to_hex(const unsigned char digest[static 32], char hex[static NVB_DIGEST_HEX + 1])
{
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void sha256_hex(const void *data, size_t size, char hex[static NVB_DIGEST_HEX + 1])
{
	unsigned char digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, size, data);
	sha256_digest(&hash, sizeof(digest), digest);
	digest_to_hex(digest, hex);
}

static int check_digest(struct unpacking *u, const struct layer_source *source, struct layer *layer)
{
	unsigned char digest[SHA256_DIGEST_SIZE];

	sha256_digest(&u->hash, sizeof(digest), digest);
	digest_to_hex(digest, layer->diff_id);
	layer->size = u->size;
	if (source->diff_id && !nvb_streq(source->diff_id, layer->diff_id))
		return nvb_fail(u->err, NVB_ERR_CORRUPT,
			"layer %.12s: its content has the digest %.12s, the image's config says another",
			source->diff_id, layer->diff_id);
	return 0;
}

/* Makes the new directory fs/ the working directory and, where we may, the root. */
static int enter(int directory, nvb_error **err)
{
	_cleanup_close_ int fd = -1;

	if (mkdirat(directory, "fs", 0755) < 0)
		return nvb_fail_errno(err, errno, "layer directory");
	fd = openat(directory, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchdir(fd) < 0)
		return nvb_fail_errno(err, errno, "layer directory");
	if (geteuid() == 0 && chroot(".") < 0)
		return nvb_fail_errno(err, errno, "layer directory: chroot");
	return 0;
}

int layer_unpack(int directory, const struct layer_source *source, struct layer *layer,
	void (*progress)(void *data, uint64_t bytes), void *data, nvb_error **err)
{
	struct unpacking u = {.raw_fd = source->fd, .err = err, .progress = progress, .data = data};
	char size[32];
	int rc;

	sha256_init(&u.hash);
	/* Before the root changes: libarchive may load a filter's helper or a character set. */
	rc = open_archives(&u);
	if (rc == 0)
		rc = nvb_ids_read(&u.users, NVB_IDS_USERS, err);
	if (rc == 0)
		rc = nvb_ids_read(&u.groups, NVB_IDS_GROUPS, err);
	if (rc == 0)
		rc = enter(directory, err);
	umask(0);
	if (rc == 0)
		rc = unpack_entries(&u);
	if (rc == 0)
		rc = drain(&u);
	if (rc == 0)
		rc = check_digest(&u, source, layer);
	close_archives(&u);
	if (rc < 0)
		return rc;
	snprintf(size, sizeof(size), "%llu\n", (unsigned long long)layer->size);
	return nvb_file_write(directory, "size", size, strlen(size), 0644, err);
}
