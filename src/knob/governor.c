/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "inventory/listing.h"
#include "knob/dial.h"

/* How the CPUs choose their clocks. Source: the kernel's admin-guide/pm/cpufreq.rst: a directory a policy,
 * each with scaling_governor and scaling_available_governors. */

#define CPUFREQ "/sys/devices/system/cpu/cpufreq"

enum { ATTRIBUTE_MAX = 4096 };

static int attribute_path(char path[static 320], const char *policy, const char *name, nvb_error **err)
{
	if (snprintf(path, 320, CPUFREQ "/%s/%s", policy, name) >= 320)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: too long a name", policy);
	return 0;
}

static int read_attribute(
	const struct nvb_root *sys, const char *policy, const char *name, char **text, nvb_error **err)
{
	char path[320];
	int rc = attribute_path(path, policy, name, err);

	if (rc == 0)
		rc = nvb_root_read(sys, path, ATTRIBUTE_MAX, text, NULL, err);
	if (rc == 0)
		(*text)[strcspn(*text, "\n")] = '\0';
	return rc;
}

static int list_policies(const struct nvb_root *sys, struct nvb_listing *listing, nvb_error **err)
{
	if (nvb_listing_read(sys, CPUFREQ, listing) == 0 && listing->count)
		return 0;
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "the CPUs of this host have no governors (" CPUFREQ ")");
}

int nvb_governor_get(const struct nvb_root *sys, char **now, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	_cleanup_strbuf_ struct nvb_strbuf all = {0};
	int rc = list_policies(sys, &listing, err);

	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		_cleanup_free_ char *governor = NULL;

		if (!nvb_after(listing.entries[i].name, "policy"))
			continue;
		rc = read_attribute(sys, listing.entries[i].name, "scaling_governor", &governor, err);
		if (rc == 0)
			nvb_sb_addf(&all, "%s%s=%s", all.len ? "," : "", listing.entries[i].name, governor);
	}
	if (rc < 0)
		return rc;
	if (!all.len)
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "the CPUs of this host have no governors (" CPUFREQ ")");
	*now = nvb_sb_finish(&all);
	return *now ? 0 : nvb_fail_oom(err);
}

int nvb_governor_check(const struct nvb_root *sys, const char *governor, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	int rc = list_policies(sys, &listing, err);

	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		_cleanup_free_ char *text = NULL;
		_cleanup_strv_ char **available = NULL;

		if (!nvb_after(listing.entries[i].name, "policy"))
			continue;
		rc = read_attribute(sys, listing.entries[i].name, "scaling_available_governors", &text, err);
		if (rc < 0)
			break;
		available = nvb_strv_split(text, " ");
		if (!available)
			return nvb_fail_oom(err);
		if (!nvb_strv_contains(available, governor))
			rc = nvb_hint(err,
				nvb_fail(
					err, NVB_ERR_UNSUPPORTED, "the CPUs have no governor '%s'", governor),
				"there are: %s", text);
	}
	return rc;
}

static int write_governor(
	const struct nvb_root *sys, const char *policy, const char *governor, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	char path[320], line[64];
	int rc = attribute_path(path, policy, "scaling_governor", err);
	int n = snprintf(line, sizeof(line), "%s\n", governor);

	if (rc < 0)
		return rc;
	fd = nvb_root_openat(sys, path, O_WRONLY | O_NOFOLLOW | O_TRUNC, 0);
	rc = fd < 0 ? fd : nvb_write_all(fd, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* "performance" for all policies, or each its own. */
int nvb_governor_put(const struct nvb_root *sys, const char *state, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	_cleanup_strv_ char **pairs = nvb_strv_split(state, ",");
	int rc = 0;

	if (!pairs)
		return nvb_fail_oom(err);
	if (strchr(state, '=')) {
		nvb_strv_foreach (pair, pairs) {
			char *governor = strchr(*pair, '=');

			if (rc < 0 || !governor || strchr(*pair, '/'))
				continue;
			*governor++ = '\0';
			rc = write_governor(sys, *pair, governor, err);
			/* A CPU that was taken away has none to be put back. */
			rc = rc == -NVB_ERR_NOT_FOUND ? 0 : rc;
		}
		return rc;
	}
	rc = list_policies(sys, &listing, err);
	for (size_t i = 0; rc == 0 && i < listing.count; i++)
		if (nvb_after(listing.entries[i].name, "policy"))
			rc = write_governor(sys, listing.entries[i].name, state, err);
	return rc;
}
