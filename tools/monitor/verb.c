/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/common.h"
#include "cli/sibling.h"
#include "config.h"
#include "monitor.h"
#include "serve_options.h"

/* The verb's side in bolt and nvbind: checks the command line, and becomes the program that does it. */

/* Messages and help carry the name that was typed. */
static const char *own_name(void)
{
	return program_invocation_short_name;
}

int verb_monitor(int argc, char **argv, nvb_error **err)
{
	const char *program = serve_wanted() ? "nvbind-exporter" : "nvbind-monitor";
	_cleanup_free_ char *helper = nvb_sibling_program(program, NVB_LIBEXECDIR);
	_cleanup_strv_ char **words = NULL;
	int rc = monitor_check(argc, err);

	if (rc < 0)
		return rc;
	if (!helper || !nvb_strv_add(&words, own_name()) || !nvb_strv_add(&words, "monitor") ||
		!nvb_common_arguments(&words) || !monitor_arguments(&words) || !nvb_strv_add(&words, "--"))
		return nvb_fail_oom(err);
	for (int i = 0; i < argc; i++)
		if (!nvb_strv_add(&words, argv[i]))
			return nvb_fail_oom(err);
	execv(helper, words);
	rc = nvb_fail_errno(err, errno, "%s", helper);
	return errno == ENOENT && serve_wanted()
		       ? nvb_hint(err, rc, "this was built without libmicrohttpd, so it cannot serve")
		       : rc;
}
