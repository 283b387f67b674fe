/* SPDX-License-Identifier: Apache-2.0 */
#include "container/hook_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/jscan.h"
#include "base/mem.h"
#include "base/str.h"

/* Of a key that stands twice the scanner says so at the end of its object; until then the later one counts.
 */
static int read_string(struct nvb_jscan *js, char **string, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);

	if (rc < 0)
		return rc;
	free(*string);
	*string = nvb_json_strdup(&value);
	return *string ? 0 : nvb_fail_oom(err);
}

static int read_pid(struct nvb_jscan *js, struct nvb_hook_state *state, nvb_error **err)
{
	struct nvb_json value;
	char number[12];
	uint32_t pid;
	int rc = nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	/* -1 and the like is what some runtimes say of a container without a process. */
	state->pid = 0;
	if (value.size >= sizeof(number))
		return 0;
	memcpy(number, value.text, value.size);
	number[value.size] = '\0';
	if (nvb_parse_u32(number, &pid) && pid <= INT32_MAX)
		state->pid = (pid_t)pid;
	return 0;
}

static int read_state(struct nvb_jscan *js, struct nvb_hook_state *state, nvb_error **err)
{
	struct nvb_json key, value;
	int more, rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0) {
		if (more < 0)
			return more;
		if (nvb_json_equals(&key, "bundle", strlen("bundle")))
			rc = read_string(js, &state->bundle, err);
		else if (nvb_json_equals(&key, "id", strlen("id")))
			rc = read_string(js, &state->id, err);
		else if (nvb_json_equals(&key, "pid", strlen("pid")))
			rc = read_pid(js, state, err);
		else
			rc = nvb_jscan_value(js, &value, err);
	}
	return rc == 0 ? nvb_jscan_end(js, err) : rc;
}

int nvb_hook_state_parse(struct nvb_hook_state *state, const char *json, size_t size, nvb_error **err)
{
	_cleanup_hook_state_ struct nvb_hook_state found = {0};
	_cleanup_jscan_ struct nvb_jscan js;
	int rc;

	nvb_jscan_begin(&js, json, size);
	rc = read_state(&js, &found, err);
	if (rc == 0 && (!found.bundle || found.bundle[0] != '/'))
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "it names no bundle");
	if (rc < 0)
		return nvb_wrap(err, rc, "container state");
	*state = found;
	found = (struct nvb_hook_state){0};
	return 0;
}

void nvb_hook_state_release(struct nvb_hook_state *state)
{
	free(state->bundle);
	free(state->id);
	*state = (struct nvb_hook_state){0};
}

/* The string under `name` in the object that comes next; other values are read over. *path stays NULL when
 * there is none. */
static int read_root_object(struct nvb_jscan *js, char **path, nvb_error **err)
{
	struct nvb_json key, value;
	int more, rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0) {
		if (more < 0)
			return more;
		if (nvb_json_equals(&key, "path", strlen("path")))
			rc = read_string(js, path, err);
		else
			rc = nvb_jscan_value(js, &value, err);
	}
	return rc;
}

static int read_config(struct nvb_jscan *js, char **path, nvb_error **err)
{
	struct nvb_json key, value;
	int more, rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0) {
		if (more < 0)
			return more;
		if (nvb_json_equals(&key, "root", strlen("root")) && !*path)
			rc = read_root_object(js, path, err);
		else
			rc = nvb_jscan_value(js, &value, err);
	}
	return rc == 0 ? nvb_jscan_end(js, err) : rc;
}

int nvb_hook_root_path(const char *json, size_t size, char **path, nvb_error **err)
{
	_cleanup_free_ char *found = NULL;
	_cleanup_jscan_ struct nvb_jscan js;
	int rc;

	nvb_jscan_begin(&js, json, size);
	rc = read_config(&js, &found, err);
	if (rc == 0 && (!found || !*found))
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "no root.path");
	if (rc < 0)
		return nvb_wrap(err, rc, "config.json");
	*path = NVB_TAKE_PTR(found);
	return 0;
}

int nvb_hook_state_read(struct nvb_hook_state *state, int fd, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, capacity = 0;
	ssize_t n;

	do {
		if (capacity - size < 4096) {
			char *grown = realloc(text, capacity = capacity ? 2 * capacity : 8192);

			if (!grown)
				return nvb_fail_oom(err);
			text = grown;
		}
		n = read(fd, text + size, capacity - size);
		if (n < 0 && errno != EINTR)
			return nvb_fail_errno(err, errno, "container state");
		size += n > 0 ? (size_t)n : 0;
		if (nvb_guard("state-size") && size > NVB_HOOK_STATE_MAX)
			return nvb_fail(err, NVB_ERR_CORRUPT, "container state: larger than %d KiB",
				NVB_HOOK_STATE_MAX / 1024);
	} while (n != 0);
	return nvb_hook_state_parse(state, text, size, err);
}

void nvb_hook_state_await(int fd)
{
	char text[4096];
	size_t size = 0;
	ssize_t n;

	do {
		n = read(fd, text, sizeof(text));
		size += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && size <= NVB_HOOK_STATE_MAX) || (n < 0 && errno == EINTR));
}

int nvb_hook_read_config(const struct nvb_hook_state *state, char **text, size_t *size, nvb_error **err)
{
	_cleanup_close_ int bundle = open(state->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (bundle < 0)
		return nvb_fail_errno(err, errno, "bundle %s", state->bundle);
	rc = nvb_file_read(bundle, "config.json", NVB_HOOK_CONFIG_MAX, text, size, err);
	return rc < 0 ? nvb_wrap(err, rc, "bundle %s", state->bundle) : 0;
}

int nvb_hook_absolute_root(
	const struct nvb_hook_state *state, const char *config, size_t size, char **path, nvb_error **err)
{
	_cleanup_free_ char *found = NULL;
	int rc = nvb_hook_root_path(config, size, &found, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "bundle %s", state->bundle);
	if (*found == '/')
		*path = NVB_TAKE_PTR(found);
	else if (asprintf(path, "%s/%s", state->bundle, found) < 0)
		return nvb_fail_oom(err);
	return 0;
}

int nvb_hook_open_root(const struct nvb_hook_state *state, struct nvb_root *root, nvb_error **err)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	size_t size;
	int rc = nvb_hook_read_config(state, &text, &size, err);

	if (rc == 0)
		rc = nvb_hook_absolute_root(state, text, size, &path, err);
	return rc < 0 ? rc : nvb_root_open(root, path, err);
}
