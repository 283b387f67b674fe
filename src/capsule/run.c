/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "capsule/attach.h"
#include "capsule/bolt_ops.h"
#include "capsule/bundle.h"
#include "capsule/directory_image.h"
#include "capsule/exec.h"
#include "capsule/filter_cache.h"
#include "capsule/gpu.h"
#include "capsule/hosts.h"
#include "capsule/image.h"
#include "capsule/kept.h"
#include "capsule/mounts.h"
#include "capsule/network.h"
#include "capsule/program.h"
#include "capsule/rootfs.h"
#include "capsule/rootless.h"
#include "capsule/runtime.h"
#include "capsule/sandbox.h"
#include "capsule/schedule.h"
#include "capsule/seccomp.h"
#include "capsule/terminal.h"
#include "capsule/userns.h"
#include "lease/lease.h"

/* One run, from the request to the container's status: each function is a step, in this order. */
struct run {
	const struct nvb_run_host *host;
	const struct nvb_capsule_spec *spec;
	const struct nvb_capsule_definition *definition;
	struct nvb_request *request;
	struct nvb_gpu_plan gpu;
	struct nvb_image image;
	bool image_open;
	struct nvb_state state;
	char *narrow; /* why there are no user ids but the caller's own, or NULL */
	struct nvb_attachment *attachment;
	char *runtime;
	struct nvb_entry entry;
	struct nvb_connection *connection; /* to networks of its own, or NULL */
	char netns[PATH_MAX];		   /* "": the host's or none */
	struct nvb_lease *lease;	   /* NULL: no GPU, or nothing to lease */
	struct nvb_rootfs rootfs;
	struct nvb_process process;
	char hostname[HOST_NAME_MAX + 1];
	struct nvb_strbuf seccomp;
	char *filter; /* what the runtime made of it before, or NULL */
	struct nvb_launch launch;
	bool no_cpuset; /* no control group that could keep the CPUs */
	bool started;
};

static int make_plan(struct run *run, nvb_error **err)
{
	return nvb_bolt_setup_gpus(run->host, run->definition, run->spec->name, &run->request, &run->gpu, err);
}

static int open_stored(struct run *run, const struct nvb_store *store, nvb_error **err)
{
	const struct nvb_capsule_spec *spec = run->spec;
	nvb_error *why = NULL;
	int rc = -NVB_ERR_NOT_FOUND;

	if (spec->pull != NVB_PULL_ALWAYS)
		rc = nvb_image_open(store, spec->image, &run->image, &why);
	if (rc == -NVB_ERR_NOT_FOUND && spec->pull != NVB_PULL_NEVER) {
		nvb_error_free(NVB_TAKE_PTR(why));
		rc = run->host->pull(spec->image, &why);
		if (rc == 0)
			rc = nvb_image_open(store, spec->image, &run->image, &why);
	}
	if (rc < 0)
		nvb_error_move(err, why);
	return rc;
}

static int open_image(struct run *run, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	struct nvb_store store;
	int rc;

	if (nvb_image_is_directory(run->spec->image)) {
		rc = nvb_image_open_directory(run->spec->image, &run->image, err);
	} else {
		path = run->host->store ? strdup(run->host->store) : nvb_store_default_path();
		if (!path)
			return nvb_fail_oom(err);
		rc = nvb_store_open(&store, path, err);
		if (rc < 0)
			return rc;
		rc = open_stored(run, &store, err);
		nvb_store_close(&store);
	}
	run->image_open = rc == 0;
	return rc;
}

/* Once this is done, mounts are ours alone and signals wait for us. */
static int enter(struct run *run, nvb_error **err)
{
	const char *only[] = {run->spec->runtime, NULL};
	int rc = nvb_state_open(&run->state, err);
	bool rootless = run->state.rootless;

	if (rc == 0 && rootless)
		rc = nvb_rootless_enter(&run->state, &run->narrow, run->host->log, err);
	if (rc == 0)
		rc = nvb_mounts_private(run->state.workspace, err);
	if (rc < 0 && rootless)
		rc = nvb_userns_hint(err, rc);
	if (rc == 0)
		rc = nvb_attach_open(run->spec->terminal, run->spec->interactive, run->state.workspace,
			&run->attachment, err);
	if (rc < 0)
		return rc;
	if (!rootless)
		nvb_state_sweep(&run->state, run->host->log);
	return nvb_runtime_choose(&run->state, run->spec->runtime ? (char *const *)only : run->host->runtimes,
		&run->runtime, run->host->log, err);
}

static int begin(struct run *run, nvb_error **err)
{
	const struct nvb_entry_options options = {
		.name = run->spec->name,
		.image = run->spec->image,
		.runtime = run->runtime,
		.keep = !run->spec->remove,
		.cgroup = !run->state.rootless,
	};
	int rc = nvb_entry_begin(&run->state, &options, &run->entry, err);

	if (rc < 0)
		return rc;
	run->no_cpuset = !run->entry.cgroup || !nvb_schedule_has_cpuset();
	if (run->spec->hostname)
		snprintf(run->hostname, sizeof(run->hostname), "%s", run->spec->hostname);
	else if (run->spec->network != NVB_NETWORK_HOST ||
		 gethostname(run->hostname, sizeof(run->hostname) - 1) < 0)
		snprintf(run->hostname, sizeof(run->hostname), "%.12s", run->entry.id);
	return 0;
}

/* It has our life, then, once it runs, that of the container, which a killed bolt leaves running. */
static int lease_gpus(struct run *run, nvb_error **err)
{
	_cleanup_free_ char *state = NULL;
	struct nvb_lease_holder holder = {.engine = "bolt", .container = run->entry.id};

	if (!run->gpu.plan)
		return 0;
	if (asprintf(&state, "%s/%s", run->entry.runtime_root, run->entry.id) < 0)
		return nvb_fail_oom(err);
	holder.runtime_state = state;
	return nvb_lease_take_plan(run->gpu.inventory, run->gpu.plan, nvb_isolation_lease_mode(run->request),
		&holder, &run->lease, err);
}

static int connect_networks(struct run *run, nvb_error **err)
{
	return nvb_capsule_network(&run->state, &run->entry, run->spec, run->hostname, run->host->log,
		&run->connection, run->netns, err);
}

static int write_hosts(const struct run *run, nvb_error **err)
{
	_cleanup_free_ char *shared = NULL;
	struct nvb_hosts hosts = {
		.spec = run->spec,
		.hostname = run->hostname,
		.resolver = nvb_connection_resolver(run->connection),
		.log = run->host->log,
	};

	if (run->connection && asprintf(&shared, "%s/hosts", run->entry.run) < 0)
		return nvb_fail_oom(err);
	hosts.shared = shared;
	return nvb_hosts_write(run->state.workspace, &hosts, err);
}

/* As docker: a host path that is not there becomes a directory. */
static int volume_mount_point(struct run *run, const struct nvb_volume *volume, nvb_error **err)
{
	struct stat st;
	int rc = 0;

	if (stat(volume->source, &st) < 0) {
		if (errno != ENOENT)
			return nvb_fail_errno(err, errno, "volume %s", volume->source);
		rc = nvb_file_mkdirs(AT_FDCWD, volume->source, 0755, err);
		if (rc == 0 && stat(volume->source, &st) < 0)
			rc = nvb_fail_errno(err, errno, "volume %s", volume->source);
		if (rc < 0)
			return nvb_wrap(err, rc, "volume");
	}
	return nvb_rootfs_mount_point(&run->rootfs, volume->target, S_ISDIR(st.st_mode), err);
}

static int plan_mount_point(struct run *run, const struct nvb_edit *edit, nvb_error **err)
{
	struct stat st;

	if (edit->kind != NVB_EDIT_MOUNT || edit->mount.via == NVB_VIA_LAYER)
		return 0;
	/* What is missing is for the bundle to judge. */
	if (stat(edit->mount.host, &st) < 0)
		return 0;
	return nvb_rootfs_mount_point(&run->rootfs, edit->mount.container, S_ISDIR(st.st_mode), err);
}

/* Everything that will be mounted gets its place now, in the top layer, or the runtime would make it in the
 * capsule's own. */
static int make_mount_points(struct run *run, nvb_error **err)
{
	static const char *const directories[] = {"proc", "dev", "sys"};
	static const char *const files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
	const struct nvb_capsule_spec *spec = run->spec;
	const struct nvb_plan *plan = run->gpu.plan;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(directories); i++)
		rc = nvb_rootfs_own_directory(&run->rootfs, directories[i], err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(files); i++)
		rc = nvb_rootfs_mount_point(&run->rootfs, files[i], false, err);
	for (size_t i = 0; rc == 0 && plan && i < plan->edit_count; i++)
		rc = plan_mount_point(run, &plan->edits[i], err);
	for (size_t i = 0; rc == 0 && i < spec->tmpfs_count; i++)
		rc = nvb_rootfs_mount_point(&run->rootfs, spec->tmpfs[i].target, true, err);
	for (size_t i = 0; rc == 0 && i < spec->volume_count; i++)
		rc = volume_mount_point(run, &spec->volumes[i], err);
	/* The working directory is made when it is missing, as docker does. */
	if (rc == 0)
		rc = nvb_rootfs_mount_point(&run->rootfs, run->process.working_directory, true, err);
	return rc;
}

static int make_root(struct run *run, nvb_error **err)
{
	const struct nvb_log *log = run->host->log;
	int rc = nvb_rootfs_open(&run->rootfs, run->state.workspace, run->state.rootless, &run->image, err);

	if (rc == 0 && run->gpu.plan && !nvb_rootfs_takes_layer(&run->rootfs, run->gpu.plan))
		rc = nvb_gpu_plan_as_mount(&run->gpu, run->host, run->request, err);
	if (rc == 0)
		rc = nvb_process_make(run->spec, &run->image, &run->rootfs.view, run->gpu.plan, run->hostname,
			&run->process, err);
	if (rc == 0 && run->state.rootless)
		rc = nvb_rootless_fit_process(&run->process, run->narrow, err);
	if (rc == 0)
		nvb_kept_make(run->gpu.plan, run->process.user.uid, run->process.user.gid, log);
	if (rc == 0 && run->gpu.plan)
		rc = nvb_rootfs_apply_plan(&run->rootfs, run->gpu.plan, log, err);
	if (rc == 0)
		rc = make_mount_points(run, err);
	if (rc == 0)
		rc = nvb_rootfs_mirror(&run->rootfs, run->gpu.plan, err);
	if (rc == 0)
		rc = nvb_rootfs_mount(&run->rootfs, &run->image, nvb_gpu_plan_layer(&run->gpu),
			run->spec->read_only ? NULL : run->entry.data, run->spec->remove, err);
	return rc;
}

static int choose_seccomp(struct run *run, uint64_t capabilities, nvb_error **err)
{
	enum { LARGEST_PROFILE = 1 << 20 };
	_cleanup_free_ char *text = NULL;
	size_t size;
	int rc;

	if (run->spec->privileged || run->spec->seccomp == NVB_SECCOMP_UNCONFINED)
		return 0;
	if (run->spec->seccomp == NVB_SECCOMP_DEFAULT) {
		nvb_seccomp_default(&run->seccomp, capabilities);
		return run->seccomp.failed ? nvb_fail_oom(err) : 0;
	}
	rc = nvb_file_read(AT_FDCWD, run->spec->seccomp_file, LARGEST_PROFILE, &text, &size, err);
	if (rc == 0)
		rc = nvb_seccomp_file(&run->seccomp, text, size, run->spec->seccomp_file, capabilities, err);
	return rc < 0 ? nvb_wrap(err, rc, "seccomp profile") : 0;
}

static bool compiles_filter(const struct run *run)
{
	return run->seccomp.s && !run->filter && !nvb_filter_annotated(run->spec->annotations);
}

static int write_config(const struct run *run, const struct nvb_strbuf *config, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	if (asprintf(&path, "%s/config.json", run->state.workspace) < 0)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, config->s, config->len);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

static int make_bundle(struct run *run, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf config = {0};
	/* The user's own CPUs count before the plan's. */
	bool near = !run->no_cpuset && !run->spec->resources.cpuset_cpus;
	_cleanup_free_ char *cpus = near ? nvb_schedule_cpus(run->gpu.plan, run->host->log) : NULL;
	struct nvb_bundle bundle = {
		.cpus = cpus,
		.spec = run->spec,
		.process = &run->process,
		.plan = run->gpu.plan,
		.hostname = run->hostname,
		.cgroup = run->entry.cgroup,
		.hosts_directory = run->state.workspace,
		.netns = *run->netns ? run->netns : NULL,
		.rootless = run->state.rootless,
		.log = run->host->log,
	};
	int rc = nvb_sandbox_capabilities(run->spec, nvb_own_capabilities(), &bundle.capabilities, err);

	if (rc == 0)
		rc = choose_seccomp(run, bundle.capabilities, err);
	if (rc == 0)
		rc = write_hosts(run, err);
	if (rc < 0)
		return rc;
	if (compiles_filter(run))
		run->filter = nvb_filter_recall(&run->state, run->runtime, run->seccomp.s);
	bundle.seccomp = run->seccomp.s;
	bundle.seccomp_filter = run->filter;
	if (run->spec->terminal)
		nvb_terminal_size(&bundle.rows, &bundle.columns);
	rc = nvb_bundle_write(&bundle, &config, err);
	if (rc == 0)
		rc = write_config(run, &config, err);
	return rc < 0 ? rc : nvb_exec_record(run->entry.run, &bundle, err);
}

static int note_start(void *data, pid_t init, nvb_error **err)
{
	struct run *run = data;
	int rc = nvb_entry_started(&run->entry, init, err);

	if (run->launch.hold) {
		nvb_schedule_apply(run->gpu.plan, run->no_cpuset, init, run->host->log);
		if (rc == 0)
			rc = nvb_launch_start(&run->launch, run->process.args[0], err);
	}
	nvb_debug(run->host->log, "the container runs as process %d", init);
	run->started = true;
	if (compiles_filter(run))
		nvb_filter_keep(&run->state, &run->entry, run->seccomp.s, NULL);
	if (rc == 0 && run->connection)
		rc = nvb_network_started(run->connection, init, err);
	return rc < 0 ? rc : nvb_lease_adopt(run->lease, init, err);
}

static int check_program(const struct run *run, int *status, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/rootfs", run->state.workspace) < 0)
		return nvb_fail_oom(err);
	rc = nvb_root_open(&root, path, err);
	return rc < 0 ? rc : nvb_program_check(&root, run->spec, run->gpu.plan, &run->process, status, err);
}

static int launch(struct run *run, int *status, nvb_error **err)
{
	int interrupted = nvb_attach_interrupted(run->attachment), pid, rc;

	if (interrupted) {
		*status = 128 + interrupted;
		return nvb_fail(err, NVB_ERR_CANCELLED, "interrupted before the container was started");
	}
	rc = check_program(run, status, err);
	if (rc < 0)
		return rc;
	run->launch.entry = &run->entry;
	run->launch.bundle = run->state.workspace;
	run->launch.hold = nvb_schedule_wanted(run->gpu.plan, run->no_cpuset);
	nvb_attach_launch(run->attachment, &run->launch);
	pid = nvb_launch_begin(&run->launch, err);
	if (pid < 0)
		return pid;
	return nvb_attach_run(
		run->attachment, &run->launch, pid, run->process.args[0], note_start, run, status, err);
}

/* The way from the request to a bundle. Its debug messages, with --log-format json, tell where time goes. */
static int prepare(struct run *run, nvb_error **err)
{
	static const struct {
		int (*take)(struct run *run, nvb_error **err);
		const char *done;
	} steps[] = {
		{make_plan, "GPUs are planned"},
		{open_image, "the image is open"},
		{enter, "mounts and signals are private, the runtime is chosen"},
		{begin, "the capsule is recorded"},
		{lease_gpus, "GPUs are leased"},
		{connect_networks, "its networks are there"},
		{make_root, "the root is mounted"},
		{make_bundle, "the bundle is written"},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(steps); i++) {
		rc = steps[i].take(run, err);
		if (rc == 0)
			nvb_debug(run->host->log, "%s", steps[i].done);
	}
	return rc;
}

static void release(struct run *run, int status)
{
	nvb_rootfs_unmount(&run->rootfs);
	nvb_rootfs_close(&run->rootfs);
	if (run->image_open)
		nvb_image_close(&run->image);
	run->entry.keep = run->entry.keep && run->started;
	run->entry.ran = run->started;
	nvb_connection_free(run->connection);
	nvb_entry_end(&run->state, &run->entry, status, run->host->log);
	nvb_lease_release(run->lease);
	nvb_process_release(&run->process);
	nvb_sb_release(&run->seccomp);
	free(run->filter);
	nvb_gpu_plan_release(&run->gpu);
	nvb_request_free(run->request);
	nvb_state_close(&run->state);
	free(run->runtime);
	free(run->narrow);
	/* Last: from here on signals end this process. */
	nvb_attach_close(run->attachment);
}

int nvb_capsule_run(const struct nvb_run_host *host, const struct nvb_capsule_definition *definition,
	int *status, nvb_error **err)
{
	struct run run = {
		.host = host,
		.spec = &definition->spec,
		.definition = definition,
		.entry = NVB_ENTRY_INIT,
		.rootfs = NVB_ROOTFS_INIT,
	};
	int rc;

	*status = 125;
	rc = prepare(&run, err);
	if (rc == 0)
		rc = launch(&run, status, err);
	else if (rc == -NVB_ERR_CANCELLED && run.attachment)
		*status = 128 + nvb_attach_interrupted(run.attachment);
	nvb_debug(host->log, "the container has ended with status %d", *status);
	release(&run, *status);
	nvb_debug(host->log, "%s", run.spec->remove ? "the capsule is removed" : "the capsule is kept");
	return rc;
}
