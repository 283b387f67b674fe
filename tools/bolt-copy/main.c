/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "bolt-copy.h"
#include "cli/options.h"
#include "cli/output.h"

static bool rooted, follow, owners;
static const char *as;

static const struct nvb_option options[] = {
	{"rooted", 0, NVB_OPTION_FLAG(&rooted), "the directory is a capsule's, whose root is open as 4"},
	{"follow", 0, NVB_OPTION_FLAG(&follow), "pack what a link leads to"},
	{"owners", 0, NVB_OPTION_FLAG(&owners), "keep owners"},
	{"as", 0, NVB_OPTION_STRING("NAME", &as), "instead of the first part of every name"},
	{NULL},
};
static const struct nvb_option_group groups[] = {{"Options", options}, {NULL}};

static int enter(nvb_error **err)
{
	if (rooted && (fchdir(COPY_ROOT) < 0 || chroot(".") < 0))
		return nvb_fail_errno(err, errno, "entering the capsule's files");
	if (fchdir(COPY_DIRECTORY) < 0)
		return nvb_fail_errno(err, errno, "entering the directory");
	umask(0);
	return 0;
}

static int run(int argc, char **argv, nvb_error **err)
{
	const struct nvb_option_group *const all[] = {groups, NULL};
	int rc = nvb_options_parse(all, NVB_OPTIONS_ANYWHERE, &argc, argv, err);

	if (rc < 0)
		return rc;
	if (argc == 2 && nvb_streq(argv[0], "pack")) {
		rc = enter(err);
		return rc < 0 ? rc : copy_pack(argv[1], follow, err);
	}
	if (argc == 1 && nvb_streq(argv[0], "place")) {
		rc = enter(err);
		return rc < 0 ? rc : copy_place(as, owners, rooted, err);
	}
	return nvb_fail(err, NVB_ERR_INVALID, "bolt-copy is called by 'bolt capsule cp'");
}

int main(int argc, char **argv)
{
	_cleanup_error_ nvb_error *err = NULL;

	/* Archives name their files in UTF-8; without such a locale libarchive gives no name at all. */
	if (!setlocale(LC_CTYPE, "C.UTF-8") && !setlocale(LC_CTYPE, "en_US.UTF-8"))
		/* Converting names would load modules of the C library: in a capsule, the capsule's. */
		nvb_fail(&err, NVB_ERR_UNSUPPORTED, "this host has no UTF-8 locale (C.UTF-8)");
	else if (run(argc - 1, argv + 1, &err) == 0)
		return 0;
	nvb_report_error("bolt", err);
	return 1;
}
