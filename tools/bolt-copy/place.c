/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "bolt-copy.h"
#include "cli/output.h"

enum { BLOCK = 128 * 1024 };

struct placing {
	struct archive *tar, *disk;
	const char *as;
	bool owners;
	unsigned long skipped; /* device nodes */
	unsigned long placed;
	nvb_error **err;
};

static int tar_error(const struct placing *p)
{
	return nvb_fail(
		p->err, NVB_ERR_CORRUPT, "the archive: %s", archive_error_string(p->tar) ?: "cannot be read");
}

static int disk_error(const struct placing *p, const char *path)
{
	return nvb_fail(
		p->err, NVB_ERR_SYSTEM, "%s: %s", path, archive_error_string(p->disk) ?: "cannot be written");
}

/* Leading "/" and "./" are how some tools write the top directory. */
static const char *relative_name(const char *path)
{
	while (*path == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	return *path ? path : ".";
}

/* The first part of a name replaced; malloc'd. */
static char *rename_first(const char *path, const char *as)
{
	const char *rest;
	char *renamed;

	path = relative_name(path);
	if (!as)
		return strdup(path);
	/* What was packed as "." has no first part. */
	rest = nvb_streq(path, ".") ? "" : path + strcspn(path, "/");
	return asprintf(&renamed, "%s%s", as, rest) < 0 ? NULL : renamed;
}

static char *rename_below(const char *path, const char *as)
{
	char *renamed;

	return asprintf(&renamed, "%s/%s", as, relative_name(path)) < 0 ? NULL : renamed;
}

/* "." and "./x" are packed where the contents of a directory are meant: there is no first part to be
 * replaced.
 */
static char *new_name(const struct placing *p, const char *path)
{
	bool contents = path[0] == '.' && (path[1] == '/' || !path[1]);

	return p->as && contents && !nvb_streq(relative_name(path), ".") ? rename_below(path, p->as)
									 : rename_first(path, p->as);
}

static bool rename_entry(const struct placing *p, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
	_cleanup_free_ char *name = new_name(p, path);
	_cleanup_free_ char *target = link ? new_name(p, link) : NULL;

	if (!name || (link && !target))
		return false;
	archive_entry_copy_pathname(entry, name);
	if (target)
		archive_entry_copy_hardlink(entry, target);
	return true;
}

static int copy_content(const struct placing *p, const char *path)
{
	const void *block;
	la_int64_t offset;
	size_t size;
	int rc;

	while ((rc = archive_read_data_block(p->tar, &block, &size, &offset)) == ARCHIVE_OK)
		if (archive_write_data_block(p->disk, block, size, offset) < ARCHIVE_OK)
			return disk_error(p, path);
	return rc == ARCHIVE_EOF ? 0 : tar_error(p);
}

static int place_entry(struct placing *p, struct archive_entry *entry)
{
	mode_t type = archive_entry_filetype(entry);
	const char *path;
	int rc = 0;

	if (!archive_entry_pathname(entry))
		return nvb_fail(p->err, NVB_ERR_CORRUPT, "the archive: an entry without a name");
	/* A node would be a way to a device of the host. */
	if (type == AE_IFCHR || type == AE_IFBLK) {
		p->skipped++;
		return 0;
	}
	/* A program that was allowed to become another user there, or to do more than its user, would become
	 * us here. */
	if (!rename_entry(p, entry) || !copy_filter_attributes(entry, p->owners))
		return nvb_fail_oom(p->err);
	if (!p->owners)
		archive_entry_set_mode(entry, archive_entry_mode(entry) & ~(mode_t)(S_ISUID | S_ISGID));
	path = archive_entry_pathname(entry);
	p->placed++;
	if (archive_write_header(p->disk, entry) < ARCHIVE_WARN)
		return disk_error(p, path);
	if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
		rc = copy_content(p, path);
	if (rc == 0 && archive_write_finish_entry(p->disk) < ARCHIVE_WARN)
		rc = disk_error(p, path);
	return rc;
}

static int place_entries(struct placing *p)
{
	struct archive_entry *entry;
	int rc = 0, status;

	while (rc == 0 && (status = archive_read_next_header(p->tar, &entry)) != ARCHIVE_EOF)
		rc = status < ARCHIVE_WARN ? tar_error(p) : place_entry(p, entry);
	/* Modes and times of directories are set now, when nothing is written into them any more. */
	if (rc == 0 && archive_write_close(p->disk) < ARCHIVE_WARN)
		rc = disk_error(p, "directories");
	return rc;
}

static int options(bool owners, bool rooted)
{
	int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
		    ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
		    ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;

	/* In a capsule links lead to its own files. On the host none that the archive brings is followed. */
	if (!rooted)
		flags |= ARCHIVE_EXTRACT_SECURE_SYMLINKS;
	return owners ? flags | ARCHIVE_EXTRACT_OWNER : flags;
}

int copy_place(const char *as, bool owners, bool rooted, nvb_error **err)
{
	struct placing p = {
		.tar = archive_read_new(),
		.disk = archive_write_disk_new(),
		.as = as,
		.owners = owners,
		.err = err,
	};
	int rc;

	if (!p.tar || !p.disk)
		return nvb_fail_oom(err);
	archive_read_support_format_tar(p.tar);
	archive_read_support_format_empty(p.tar);
	archive_read_set_options(p.tar, "hdrcharset=BINARY");
	archive_write_disk_set_options(p.disk, options(owners, rooted));
	rc = archive_read_open_fd(p.tar, STDIN_FILENO, BLOCK) != ARCHIVE_OK ? tar_error(&p)
									    : place_entries(&p);
	/* Nothing was done of what was asked for. */
	if (rc == 0 && p.skipped && !p.placed)
		rc = nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "device nodes are not copied, and there is nothing else");
	else if (p.skipped)
		nvb_report_warning("bolt",
			p.skipped == 1 ? "a device node was left out" : "%lu device nodes were left out",
			p.skipped);
	archive_write_free(p.disk);
	archive_read_free(p.tar);
	return rc;
}
