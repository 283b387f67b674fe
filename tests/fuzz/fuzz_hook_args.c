/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "container/hook_args.h"
#include "fuzz.h"

static int read_back(const struct nvb_hook_command *first)
{
	size_t links = first->work.link_count, count = links + first->work.directory_count + 2;
	_cleanup_hook_command_ struct nvb_hook_command second = {0};
	struct nvb_edit *edits = calloc(count + 1, sizeof(*edits));
	struct nvb_plan plan = {.edits = edits, .edit_count = count};
	_cleanup_strv_ char **argv = NULL;
	int rc;

	if (!edits)
		return 0;
	edits[--count] = (struct nvb_edit){.kind = first->work.compat_driver ? NVB_EDIT_COMPAT : NVB_EDIT_ENV,
		.compat = {first->work.compat_driver, ""}};
	edits[--count] = (struct nvb_edit){
		.kind = first->params ? NVB_EDIT_PARAMS : NVB_EDIT_ENV, .params = {first->params, ""}};
	for (size_t i = 0; i < count; i++) {
		edits[i].kind = i < links ? NVB_EDIT_LINK : NVB_EDIT_LDCACHE;
		if (i < links)
			edits[i].link = first->work.links[i];
		else
			edits[i].ldcache.directory = first->work.directories[i - links];
	}
	rc = nvb_hook_arguments(&plan, false, &argv, NULL);
	free(edits);
	if (rc < 0 || !argv)
		return 0;
	FUZZ_CHECK(nvb_hook_parse(&second, (int)nvb_strv_length(argv), argv, NULL) == 0);
	FUZZ_CHECK(second.work.link_count == links);
	for (size_t i = 0; i < links; i++)
		FUZZ_CHECK(nvb_streq(second.work.links[i].path, first->work.links[i].path) &&
			   nvb_streq(second.work.links[i].target, first->work.links[i].target));
	FUZZ_CHECK(nvb_streq(second.work.compat_driver ?: "", first->work.compat_driver ?: ""));
	FUZZ_CHECK(nvb_streq(second.params ?: "", first->params ?: ""));
	FUZZ_CHECK(second.work.directory_count <= first->work.directory_count);
	return 0;
}

/* A command line, one argument a line. What can be read can be written, and is read the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_hook_command_ struct nvb_hook_command command = {0};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_strv_ char **argv = text ? nvb_strv_split(text, "\n") : NULL;
	int rc;

	if (!argv || !argv[0])
		return 0;
	rc = nvb_hook_parse(&command, (int)nvb_strv_length(argv), argv, &err);
	FUZZ_CHECK(rc == 0 || (rc == -NVB_ERR_INVALID && *nvb_error_message(err)));
	return rc == 0 && command.verb == NVB_HOOK_APPLY ? read_back(&command) : 0;
}
