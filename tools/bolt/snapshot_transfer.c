/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/output.h"
#include "snapshot_verbs.h"
#include "trust.h"

/* bolt snapshot export, import */

static bool force, yes;

static const struct nvb_option export_options[] = {
	SNAPSHOT_STORE_OPTION,
	SNAPSHOT_KEY_OPTION,
	{"force", 'f', NVB_OPTION_FLAG(&force), "replace FILE where it is there"},
	{NULL},
};
const struct nvb_option_group snapshot_export_groups[] = {{"Options", export_options}, {NULL}};

static const struct nvb_option import_options[] = {
	SNAPSHOT_STORE_OPTION,
	SNAPSHOT_KEY_OPTION,
	{"trust", 0, NVB_OPTION_FLAG(&snapshot_trust),
		"also one that this host has not signed: it decides what runs, as whom and with which files"},
	{"yes", 'y', NVB_OPTION_FLAG(&yes), "trust it without being asked at the terminal"},
	{NULL},
};
const struct nvb_option_group snapshot_import_groups[] = {{"Options", import_options}, {NULL}};

/* Written beside and renamed, so that FILE is a whole one or none. */
static int export_to_file(nvb_snapshot *snapshot, const char *path, nvb_error **err)
{
	_cleanup_free_ char *beside = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int rc;

	if (lstat(path, &st) == 0) {
		/* Renamed over, a device or a pipe of the host would be a file from then on. */
		if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
			return nvb_hint(err, nvb_fail(err, NVB_ERR_CONFLICT, "%s is not a file", path),
				"- writes to standard output");
		if (!force)
			return nvb_hint(err, nvb_fail(err, NVB_ERR_CONFLICT, "%s is there already", path),
				"--force replaces it");
	}
	if (asprintf(&beside, "%s.part.%d", path, (int)getpid()) < 0) {
		beside = NULL;
		return nvb_fail_oom(err);
	}
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = nvb_snapshot_export(snapshot, fd, err);
	if (rc == 0 && fsync(fd) < 0)
		rc = nvb_fail_errno(err, errno, "%s", beside);
	if (rc == 0 && (force ? rename(beside, path)
			      : renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE)) < 0)
		rc = nvb_fail_errno(err, errno, "%s", path);
	if (rc < 0)
		unlink(beside);
	return rc;
}

int snapshot_export(int argc, char **argv, nvb_error **err)
{
	struct nvb_progress progress = {0};
	struct nvb_snapshot_options options = {
		.key_file = snapshot_key_file, .progress = snapshot_show_progress, .data = &progress};
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	_cleanup_snapshot_ nvb_snapshot *snapshot = NULL;
	bool to_stdout = nvb_streq(argv[1], "-");
	int rc;

	(void)argc;
	if (to_stdout && isatty(STDOUT_FILENO))
		return nvb_usage(err, "a snapshot is not written to a terminal; name a file or a pipe");
	rc = snapshot_place(&store, false, err);
	if (rc == 0)
		rc = nvb_snapshot_open(&store, argv[0], &options, &snapshot, err);
	if (rc < 0)
		return rc;
	snapshot_catch_signals();
	nvb_progress_begin(&progress, "exporting", 0);
	rc = to_stdout ? nvb_snapshot_export(snapshot, STDOUT_FILENO, err)
		       : export_to_file(snapshot, argv[1], err);
	nvb_progress_end(&progress);
	return rc;
}

static int judge(void *data, const struct nvb_snapshot_manifest *manifest, nvb_error **err)
{
	return trust_ask(data, manifest, err);
}

int snapshot_import(int argc, char **argv, nvb_error **err)
{
	struct trust trust = {.yes = yes};
	struct nvb_progress progress = {0};
	struct nvb_snapshot_options options = {.key_file = snapshot_key_file,
		.progress = snapshot_show_progress,
		.data = &progress,
		.trust = snapshot_trust,
		.judge = judge,
		.judge_data = &trust};
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	_cleanup_close_ int own = -1;
	nvb_snapshot_id id;
	int fd = STDIN_FILENO, rc = snapshot_place(&store, true, err);

	(void)argc;
	if (rc < 0)
		return rc;
	if (!nvb_streq(argv[0], "-")) {
		fd = own = open(argv[0], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return nvb_fail_errno(err, errno, "%s", argv[0]);
	}
	snapshot_catch_signals();
	nvb_progress_begin(&progress, "importing", 0);
	rc = nvb_snapshot_import(&store, fd, &options, &id, err);
	nvb_progress_end(&progress);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", argv[0]);
	puts(id.text);
	return nvb_stdout_flush(err);
}
