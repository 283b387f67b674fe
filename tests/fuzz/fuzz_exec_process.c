/* SPDX-License-Identifier: Apache-2.0 */
#include <json.h>
#include <string.h>

#include "base/mem.h"
#include "capsule/exec.h"
#include "fuzz.h"

/* A recorded process that is anything: refused with a reason, or made into one whose arguments, variables and
 * capabilities are what was asked for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args[] = {(char *)"prog", (char *)"arg", NULL};
	char *env[] = {(char *)"ADDED=1", (char *)"PATH", NULL};
	const struct nvb_exec exec = {
		.args = args, .env = env, .user = "1000:1000", .working_directory = "/w", .terminal = true};
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *record = calloc(1, size + 1), *out = NULL;
	_cleanup_error_ nvb_error *err = NULL;
	json_object *process, *list, *user, *value;
	bool added = false;

	FUZZ_CHECK(record && nvb_root_open(&root, "/proc/self/task", NULL) == 0);
	memcpy(record, data, size);
	free(nvb_exec_recorded_bundle(record));
	if (nvb_exec_describe(record, &exec, &root, &out, &err) < 0) {
		FUZZ_CHECK(err && !out);
		return 0;
	}
	process = json_tokener_parse(out);
	FUZZ_CHECK(json_object_object_get_ex(process, "args", &list) && json_object_array_length(list) == 2);
	FUZZ_CHECK(json_object_object_get_ex(process, "env", &list));
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *entry = json_object_get_string(json_object_array_get_idx(list, i));

		FUZZ_CHECK(!entry || strncmp(entry, "PATH=", 5) != 0);
		added = added || (entry && strcmp(entry, "ADDED=1") == 0);
	}
	FUZZ_CHECK(added);
	FUZZ_CHECK(json_object_object_get_ex(process, "user", &user) &&
		   json_object_object_get_ex(user, "uid", &value) && json_object_get_int(value) == 1000);
	/* Whoever is not root starts without any. */
	FUZZ_CHECK(json_object_object_get_ex(process, "capabilities", &user) &&
		   json_object_object_get_ex(user, "effective", &list) &&
		   json_object_array_length(list) == 0);
	json_object_put(process);
	return 0;
}
