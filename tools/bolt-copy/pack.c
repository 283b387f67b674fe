/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/mem.h"
#include "bolt-copy.h"

/* File systems whose files are made up while they are read: no files to be kept. */
static bool is_made_up(const char *path)
{
	static const unsigned long kinds[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, BPF_FS_MAGIC,
		PSTOREFS_MAGIC, EFIVARFS_MAGIC};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < NVB_ELEMENTS(kinds); i++)
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	return false;
}

struct packing {
	struct archive *disk, *tar;
	struct archive_entry_linkresolver *links;
	nvb_error **err;
};

static int disk_error(const struct packing *p)
{
	return nvb_fail(
		p->err, NVB_ERR_SYSTEM, "reading: %s", archive_error_string(p->disk) ?: "something failed");
}

static int tar_error(const struct packing *p)
{
	int sys = archive_errno(p->tar);

	/* Who reads has said already why he does not. */
	if (sys == EPIPE)
		return nvb_fail(p->err, NVB_ERR_CANCELLED, "%s", "");
	return nvb_fail(p->err, NVB_ERR_SYSTEM, "writing the archive: %s",
		archive_error_string(p->tar) ?: "something failed");
}

static int copy_content(const struct packing *p)
{
	const void *block;
	la_int64_t offset, at = 0;
	static const char zeros[65536];
	size_t size;
	int rc;

	while ((rc = archive_read_data_block(p->disk, &block, &size, &offset)) == ARCHIVE_OK) {
		/* Holes. */
		while (at < offset) {
			size_t n = offset - at < (la_int64_t)sizeof(zeros) ? (size_t)(offset - at)
									   : sizeof(zeros);

			if (archive_write_data(p->tar, zeros, n) < 0)
				return tar_error(p);
			at += (la_int64_t)n;
		}
		if (size && archive_write_data(p->tar, block, size) < 0)
			return tar_error(p);
		at += (la_int64_t)size;
	}
	return rc == ARCHIVE_EOF ? 0 : disk_error(p);
}

static int write_entry(const struct packing *p, struct archive_entry *entry, bool content)
{
	int rc = archive_write_header(p->tar, entry);

	if (rc < ARCHIVE_WARN)
		return tar_error(p);
	return content && archive_entry_size(entry) > 0 ? copy_content(p) : 0;
}

/* The second name of a file becomes a link to the first. */
static int pack_entry(const struct packing *p, struct archive_entry *entry)
{
	struct archive_entry *spare = NULL;
	int rc = 0;

	if (archive_entry_filetype(entry) == AE_IFSOCK)
		return 0;
	if (!copy_filter_attributes(entry, true))
		return nvb_fail_oom(p->err);
	if (archive_entry_filetype(entry) != AE_IFREG)
		archive_entry_set_size(entry, 0);
	archive_entry_linkify(p->links, &entry, &spare);
	if (entry)
		rc = write_entry(p, entry, !archive_entry_hardlink(entry));
	return rc;
}

static int pack_entries(const struct packing *p)
{
	struct archive_entry *entry = archive_entry_new();
	bool named = true; /* what comes first is what was asked for */
	int rc = 0, status;

	if (!entry)
		return nvb_fail_oom(p->err);
	while (rc == 0 && (status = archive_read_next_header2(p->disk, entry)) != ARCHIVE_EOF) {
		if (status < ARCHIVE_WARN) {
			rc = disk_error(p);
			break;
		}
		if (named && archive_entry_filetype(entry) == AE_IFSOCK) {
			rc = nvb_fail(p->err, NVB_ERR_UNSUPPORTED, "%s: a socket is not copied",
				archive_entry_pathname(entry));
			break;
		}
		named = false;
		if (archive_read_disk_can_descend(p->disk) && !is_made_up(archive_entry_pathname(entry)))
			archive_read_disk_descend(p->disk);
		rc = pack_entry(p, entry);
		archive_entry_clear(entry);
	}
	archive_entry_free(entry);
	return rc;
}

int copy_pack(const char *name, bool follow, nvb_error **err)
{
	struct packing p = {
		.disk = archive_read_disk_new(),
		.tar = archive_write_new(),
		.links = archive_entry_linkresolver_new(),
		.err = err,
	};
	int rc = 0;

	if (!p.disk || !p.tar || !p.links)
		return nvb_fail_oom(err);
	if (is_made_up(name))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"%s: the kernel makes these files up while they are read; they cannot be copied",
			name);
	archive_write_set_format_pax_restricted(p.tar);
	archive_write_set_bytes_in_last_block(p.tar, 1);
	archive_entry_linkresolver_set_strategy(p.links, archive_format(p.tar));
	if (follow)
		archive_read_disk_set_symlink_hybrid(p.disk);
	else
		archive_read_disk_set_symlink_physical(p.disk);
	archive_read_disk_set_behavior(p.disk, ARCHIVE_READDISK_NO_ACL | ARCHIVE_READDISK_NO_FFLAGS);
	if (archive_read_disk_open(p.disk, name) != ARCHIVE_OK)
		rc = disk_error(&p);
	else if (archive_write_open_fd(p.tar, STDOUT_FILENO) != ARCHIVE_OK)
		rc = tar_error(&p);
	if (rc == 0)
		rc = pack_entries(&p);
	if (rc == 0 && archive_write_close(p.tar) != ARCHIVE_OK)
		rc = tar_error(&p);
	/* One that was broken off must not look whole: closing would write its end. */
	if (rc < 0)
		archive_write_fail(p.tar);
	archive_entry_linkresolver_free(p.links);
	archive_write_free(p.tar);
	archive_read_free(p.disk);
	return rc;
}
