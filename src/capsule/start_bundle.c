/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "capsule/bundle.h"
#include "capsule/exec.h"
#include "capsule/filter_cache.h"
#include "capsule/hosts.h"
#include "capsule/sandbox.h"
#include "capsule/schedule.h"
#include "capsule/seccomp.h"
#include "capsule/start.h"

/* The bundle of a start: config.json and the files beside it. */

static int choose_seccomp(struct nvb_start *start, uint64_t capabilities, nvb_error **err)
{
	enum { LARGEST_PROFILE = 1 << 20 };
	_cleanup_free_ char *text = NULL;
	size_t size;
	int rc;

	if (start->spec->privileged || start->spec->seccomp == NVB_SECCOMP_UNCONFINED)
		return 0;
	if (start->spec->seccomp == NVB_SECCOMP_DEFAULT) {
		nvb_seccomp_default(&start->seccomp, capabilities);
		return start->seccomp.failed ? nvb_fail_oom(err) : 0;
	}
	rc = nvb_file_read(AT_FDCWD, start->spec->seccomp_file, LARGEST_PROFILE, &text, &size, err);
	if (rc == 0)
		rc = nvb_seccomp_file(
			&start->seccomp, text, size, start->spec->seccomp_file, capabilities, err);
	return rc < 0 ? nvb_wrap(err, rc, "seccomp profile") : 0;
}

bool nvb_start_compiles_filter(const struct nvb_start *start)
{
	return start->seccomp.s && !start->filter && !nvb_filter_annotated(start->spec->annotations);
}

static int write_config(const struct nvb_start *start, const struct nvb_strbuf *config, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	if (asprintf(&path, "%s/config.json", start->state.workspace) < 0)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, config->s, config->len);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

static int write_hosts(const struct nvb_start *start, nvb_error **err)
{
	_cleanup_free_ char *shared = NULL;
	struct nvb_hosts hosts = {
		.spec = start->spec,
		.hostname = start->hostname,
		.resolver = nvb_connection_resolver(start->connection),
		.log = start->host->log,
	};

	if (start->connection && asprintf(&shared, "%s/hosts", start->entry.run) < 0)
		return nvb_fail_oom(err);
	hosts.shared = shared;
	return nvb_hosts_write(start->state.workspace, &hosts, err);
}

int nvb_start_make_bundle(struct nvb_start *start, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf config = {0};
	/* The user's own CPUs count before the plan's. */
	bool near = !start->no_cpuset && !start->spec->resources.cpuset_cpus;
	_cleanup_free_ char *cpus = near ? nvb_schedule_cpus(start->gpu.plan, start->host->log) : NULL;
	struct nvb_bundle bundle = {
		.cpus = cpus,
		.spec = start->spec,
		.process = &start->process,
		.plan = start->gpu.plan,
		.hostname = start->hostname,
		.cgroup = start->entry.cgroup,
		.hosts_directory = start->state.workspace,
		.hosts_shared = start->connection != NULL,
		.netns = *start->netns ? start->netns : NULL,
		.restores = start->restores,
		.rootless = start->state.rootless,
		.log = start->host->log,
	};
	int rc = nvb_sandbox_capabilities(start->spec, nvb_own_capabilities(), &bundle.capabilities, err);

	if (rc == 0)
		rc = choose_seccomp(start, bundle.capabilities, err);
	if (rc == 0)
		rc = write_hosts(start, err);
	if (rc < 0)
		return rc;
	if (nvb_start_compiles_filter(start))
		start->filter = nvb_filter_recall(&start->state, start->runtime, start->seccomp.s);
	bundle.seccomp = start->seccomp.s;
	bundle.seccomp_filter = start->filter;
	bundle.rows = start->rows;
	bundle.columns = start->columns;
	rc = nvb_bundle_write(&bundle, &config, err);
	if (rc == 0)
		rc = write_config(start, &config, err);
	return rc < 0 ? rc : nvb_exec_record(start->entry.run, &bundle, err);
}
