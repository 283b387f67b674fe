/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/cgroup.h"
#include "capsule/network.h"
#include "capsule/record.h"

static char *join(const char *a, const char *b)
{
	char *path;

	return asprintf(&path, "%s/%s", a, b) < 0 ? NULL : path;
}

static char *base_directory(const char *roots, const char *variable, const char *below_home)
{
	const char *set = getenv(variable), *home = getenv("HOME");
	char *path;

	if (geteuid() == 0)
		return strdup(roots);
	if (set && *set == '/')
		return join(set, "bolt");
	return asprintf(&path, "%s/%s/bolt", home ? home : "", below_home) < 0 ? NULL : path;
}

/* Nothing that others could have made beforehand (/tmp) will do. */
static int check_home(const struct nvb_state *state, nvb_error **err)
{
	const char *home = getenv("HOME");

	if (!state->rootless || (home && *home == '/') ||
		(getenv("XDG_RUNTIME_DIR") && getenv("XDG_DATA_HOME")))
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_INVALID, "there is no place for capsules: HOME is not set"),
		"set HOME, or XDG_RUNTIME_DIR and XDG_DATA_HOME");
}

/* One that exists already, as nearly always, costs one call. */
static int make_directory(const char *path, mode_t mode, nvb_error **err)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	return nvb_file_mkdirs(AT_FDCWD, path, mode, err);
}

/* Whoever else could write there would decide what is mounted, run and removed. */
static int make_own(const char *path, nvb_error **err)
{
	struct stat st;
	int rc = make_directory(path, 0700, err);

	if (rc < 0)
		return rc;
	if (stat(path, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (st.st_uid == geteuid() && !(st.st_mode & 0022))
		return 0;
	return nvb_hint(err, nvb_fail(err, NVB_ERR_PERMISSION, "%s: others can write there", path),
		"XDG_RUNTIME_DIR and XDG_DATA_HOME must be directories of your own");
}

int nvb_state_open(struct nvb_state *state, nvb_error **err)
{
	static const char *const below_data[] = {"capsules", "names", "trash"};
	/* The last one tells that orphans were looked for since the host started. */
	static const char *const below_run[] = {"runtime", "workspace", "capsules"};
	const size_t last = NVB_ELEMENTS(below_data) + NVB_ELEMENTS(below_run) - 1;
	_cleanup_state_ struct nvb_state opened = {
		.run = base_directory("/run/bolt", "XDG_RUNTIME_DIR", ".cache"),
		.data = base_directory("/var/lib/bolt", "XDG_DATA_HOME", ".local/share"),
		.rootless = geteuid() != 0,
	};
	int rc = check_home(&opened, err);

	if (rc < 0)
		return rc;
	if (!opened.run || !opened.data)
		return nvb_fail_oom(err);
	opened.workspace = join(opened.run, "workspace");
	if (!opened.workspace)
		return nvb_fail_oom(err);
	if (nvb_streq(opened.run, opened.data))
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s cannot be both: XDG_RUNTIME_DIR and XDG_DATA_HOME are the same", opened.run);
	if (opened.rootless) {
		rc = make_own(opened.run, err);
		if (rc == 0)
			rc = make_own(opened.data, err);
	}
	for (size_t i = 0; rc == 0 && i <= last; i++) {
		bool data = i < NVB_ELEMENTS(below_data);
		_cleanup_free_ char *path = join(data ? opened.data : opened.run,
			data ? below_data[i] : below_run[i - NVB_ELEMENTS(below_data)]);

		if (path && i == last && access(path, F_OK) < 0)
			nvb_state_sweep_orphans(&opened);
		rc = path ? make_directory(path, 0700, err) : nvb_fail_oom(err);
	}
	if (rc == 0) {
		*state = opened;
		opened = (struct nvb_state){0};
	}
	return rc;
}

void nvb_state_close(struct nvb_state *state)
{
	free(state->run);
	free(state->data);
	free(state->workspace);
	*state = (struct nvb_state){0};
}

static void release_entry(struct nvb_entry *entry)
{
	free(entry->run);
	free(entry->data);
	free(entry->cgroup);
	free(entry->runtime_root);
	free(entry->runtime);
	free(entry->name);
	nvb_closep(&entry->lock);
	*entry = (struct nvb_entry)NVB_ENTRY_INIT;
}

int nvb_state_lock(const struct nvb_state *state, nvb_error **err)
{
	_cleanup_free_ char *path = join(state->run, "lock");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;

	if (!path)
		return nvb_fail_oom(err);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		int failed = errno;

		nvb_closep(&fd);
		return nvb_fail_errno(err, failed, "%s", path);
	}
	return fd;
}

static bool fill_paths(const struct nvb_state *state, struct nvb_entry *entry)
{
	const char *program = entry->runtime ? strrchr(entry->runtime, '/') : NULL;

	if (asprintf(&entry->run, "%s/capsules/%s", state->run, entry->id) < 0)
		entry->run = NULL;
	if (asprintf(&entry->data, "%s/capsules/%s", state->data, entry->id) < 0)
		entry->data = NULL;
	if (entry->runtime && asprintf(&entry->runtime_root, "%s/runtime/%s", state->run,
				      program ? program + 1 : entry->runtime) < 0)
		entry->runtime_root = NULL;
	return entry->run && entry->data && (!entry->runtime || entry->runtime_root);
}

static int make_id(char id[static NVB_CAPSULE_ID + 1], nvb_error **err)
{
	unsigned char bytes[NVB_CAPSULE_ID / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return nvb_fail_errno(err, errno, "random numbers");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Written once, into a directory nobody looks at before its lock is free: no rename, and no fsync, since
 * /run does not outlive the kernel. */
static int write_small(const char *directory, const char *name, const char *text, nvb_error **err)
{
	_cleanup_free_ char *path = join(directory, name);
	_cleanup_close_ int fd = -1;
	int rc;

	if (!path)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = nvb_write_all(fd, text, strlen(text));
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* Values end at the line's end: a name of an image may hold one. */
static void add_line(struct nvb_strbuf *out, const char *key, const char *value)
{
	if (!value)
		return;
	nvb_sb_addf(out, "%s ", key);
	nvb_sb_addn(out, value, strcspn(value, "\n"));
	nvb_sb_addc(out, '\n');
}

static char *describe(const struct nvb_entry *entry, const char *image)
{
	struct nvb_strbuf out = {0};

	nvb_sb_addf(&out, "pid %d\nstarted %" PRIu64 "\ncreated %lld\nkeep %d\n", getpid(),
		nvb_proc_start_time(getpid()), (long long)time(NULL), entry->keep);
	add_line(&out, "cgroup", entry->cgroup);
	add_line(&out, "runtime", entry->runtime);
	add_line(&out, "name", entry->name);
	add_line(&out, "image", image);
	return nvb_sb_finish(&out);
}

static int claim_name(const struct nvb_state *state, const struct nvb_entry *entry, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	char holder[64];
	ssize_t n;

	if (!entry->name)
		return 0;
	if (asprintf(&path, "%s/names/%s", state->data, entry->name) < 0)
		return nvb_fail_oom(err);
	if (symlink(entry->id, path) == 0)
		return 0;
	if (errno != EEXIST)
		return nvb_fail_errno(err, errno, "name '%s'", entry->name);
	n = readlink(path, holder, sizeof(holder) - 1);
	holder[n > 0 ? n : 0] = '\0';
	return nvb_hint(err,
		nvb_fail(
			err, NVB_ERR_CONFLICT, "the name '%s' belongs to capsule %.12s", entry->name, holder),
		"choose another, or remove that one: bolt capsule rm %s", entry->name);
}

static void give_back_name(const struct nvb_state *state, const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = NULL;
	char holder[64];
	ssize_t n;

	if (!entry->name || asprintf(&path, "%s/names/%s", state->data, entry->name) < 0)
		return;
	n = readlink(path, holder, sizeof(holder) - 1);
	holder[n > 0 ? n : 0] = '\0';
	if (nvb_streq(holder, entry->id))
		unlink(path);
}

static int create_locked(struct nvb_entry *entry, const char *image, nvb_error **err)
{
	_cleanup_free_ char *record = describe(entry, image);

	if (!record)
		return nvb_fail_oom(err);
	if (mkdir(entry->run, 0700) < 0)
		return nvb_fail_errno(err, errno, "%s", entry->run);
	entry->lock = open(entry->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (entry->lock < 0 || flock(entry->lock, LOCK_EX | LOCK_NB) < 0)
		return nvb_fail_errno(err, errno, "%s", entry->run);
	return write_small(entry->run, "record", record, err);
}

/* The record of one that is to be kept stands there from the start: /run does not outlive the host. */
static int make_data(const struct nvb_entry *entry, const char *image, nvb_error **err)
{
	_cleanup_free_ char *record = entry->keep ? describe(entry, image) : NULL;

	if (entry->keep && !record)
		return nvb_fail_oom(err);
	if (mkdir(entry->data, 0700) < 0)
		return nvb_fail_errno(err, errno, "%s", entry->data);
	return record ? write_small(entry->data, "record", record, err) : 0;
}

int nvb_entry_begin(const struct nvb_state *state, const struct nvb_entry_options *options,
	struct nvb_entry *out, nvb_error **err)
{
	struct nvb_entry entry = {.lock = -1, .keep = options->keep};
	_cleanup_close_ int lock = -1;
	int rc = make_id(entry.id, err);

	if (rc < 0)
		return rc;
	entry.runtime = strdup(options->runtime);
	entry.name = options->name ? strdup(options->name) : NULL;
	if (options->cgroup && asprintf(&entry.cgroup, "/bolt/%s", entry.id) < 0)
		entry.cgroup = NULL;
	if (!entry.runtime || (options->name && !entry.name) || (options->cgroup && !entry.cgroup) ||
		!fill_paths(state, &entry)) {
		release_entry(&entry);
		return nvb_fail_oom(err);
	}
	lock = nvb_state_lock(state, err);
	rc = lock < 0 ? lock : create_locked(&entry, options->image, err);
	if (rc == 0)
		rc = claim_name(state, &entry, err);
	if (rc == 0)
		rc = make_data(&entry, options->image, err);
	if (rc < 0) {
		if (lock >= 0) {
			give_back_name(state, &entry);
			nvb_file_remove_tree(AT_FDCWD, entry.data, NULL);
			nvb_file_remove_tree(AT_FDCWD, entry.run, NULL);
		}
		release_entry(&entry);
		return rc;
	}
	*out = entry;
	return 0;
}

int nvb_entry_started(const struct nvb_entry *entry, pid_t init, nvb_error **err)
{
	char text[64];

	snprintf(text, sizeof(text), "%d %" PRIu64 "\n", init, nvb_proc_start_time(init));
	return write_small(entry->run, "init", text, err);
}

static void complain(const struct nvb_log *log, nvb_error **err)
{
	if (*err)
		nvb_warning(log, "%s", nvb_error_message(*err));
	nvb_error_free(NVB_TAKE_PTR(*err));
}

static void remove_logged(const char *path, const struct nvb_log *log)
{
	nvb_error *err = NULL;

	nvb_file_remove_tree(AT_FDCWD, path, &err);
	complain(log, &err);
}

/*
 * Removing a directory tree frees blocks, which some file systems do at a millisecond each. Nobody has to
 * wait for that: the tree moves out of sight at once, and a process of its own removes all that lies there.
 * False when it could not be moved.
 */
static bool discard(const struct nvb_state *state, const struct nvb_entry *entry)
{
	_cleanup_free_ char *trash = join(state->data, "trash"),
			    *target = trash ? join(trash, entry->id) : NULL;

	return target && rename(entry->data, target) == 0;
}

static void empty_trash_behind(const struct nvb_state *state)
{
	pid_t pid = fork();

	if (pid > 0)
		return;
	if (pid < 0) {
		nvb_state_empty_trash(state);
		return;
	}
	/* Whoever waits for the end of our output shall not wait for this. */
	if (setsid() >= 0 && close_range(0, ~0U, 0) == 0)
		nvb_state_empty_trash(state);
	_exit(0);
}

void nvb_state_empty_trash(const struct nvb_state *state)
{
	_cleanup_free_ char *path = join(state->data, "trash");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			nvb_file_remove_tree(dirfd(dir), entry->d_name, NULL);
}

/* A capsule that is kept says in its own directory what it was and how it ended. */
static bool keep_record(const struct nvb_entry *entry, int status, const struct nvb_log *log)
{
	_cleanup_free_ char *from = join(entry->run, "record"), *text = NULL, *whole = NULL;
	nvb_error *err = NULL;
	int rc = from ? nvb_file_read(AT_FDCWD, from, 1 << 16, &text, NULL, &err) : nvb_fail_oom(&err);

	if (rc == 0 && asprintf(&whole, "%sstatus %d\nended %lld\n", text, status, (long long)time(NULL)) < 0)
		rc = nvb_fail_oom(&err);
	if (rc == 0)
		rc = write_small(entry->data, "record", whole, &err);
	complain(log, &err);
	return rc == 0;
}

void nvb_entry_end(
	const struct nvb_state *state, struct nvb_entry *entry, int status, const struct nvb_log *log)
{
	_cleanup_free_ char *runtime_state =
		entry->runtime_root ? join(entry->runtime_root, entry->id) : NULL;
	const struct nvb_network_place place = nvb_capsule_network_place(state, log);
	bool discarded = false;
	nvb_error *err = NULL;

	if (!entry->run)
		return;
	if (entry->cgroup && nvb_cgroup_remove(entry->cgroup, true, &err) < 0)
		complain(log, &err);
	nvb_network_disconnect(&place, entry->id, entry->run);
	if (runtime_state)
		remove_logged(runtime_state, log);
	if (!entry->keep || !keep_record(entry, status, log)) {
		/* Files of subordinate ids can only be moved from outside of the user namespace. */
		discarded = (entry->ran || state->rootless) && discard(state, entry);
		if (!discarded)
			remove_logged(entry->data, log);
		give_back_name(state, entry);
	}
	/* Last: while it stands, the next bolt will try again what failed. */
	remove_logged(entry->run, log);
	release_entry(entry);
	/* Only now: a child would hold the capsule's lock, too. */
	if (discarded)
		empty_trash_behind(state);
}

char *nvb_record_value(const char *record, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = record; line && *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return strndup(line + n + 1, (size_t)(end - line) - n - 1);
		line = *end ? end + 1 : NULL;
	}
	return NULL;
}

/* The first process may still run: a killed bolt does not take its container along. */
static void kill_init(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = join(entry->run, "init"), *text = NULL;
	uint64_t started;
	_cleanup_close_ int pidfd = -1;
	int pid;

	if (!path || nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0 ||
		sscanf(text, "%d %" SCNu64, &pid, &started) != 2 || pid <= 1)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* The number may be another process's by now; once the descriptor is open it cannot change any more.
	 */
	if (pidfd >= 0 && nvb_proc_is_alive(pid, started))
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* Lets the runtime end the container its own way, hooks included; what it leaves we remove by hand. */
static void delete_by_runtime(const struct nvb_entry *entry, const struct nvb_log *log)
{
	_cleanup_free_ char *state = entry->runtime_root ? join(entry->runtime_root, entry->id) : NULL;
	pid_t pid;

	if (!state || access(state, F_OK) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(125);
		execl(entry->runtime, entry->runtime, "--root", entry->runtime_root, "delete", "--force",
			entry->id, NULL);
		_exit(127);
	}
	if (pid > 0 && waitpid(pid, NULL, 0) == pid)
		nvb_debug(log, "deleted container %s by %s", entry->id, entry->runtime);
}

static bool has_init(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = join(entry->run, "init");

	return path && access(path, F_OK) == 0;
}

static void sweep_one(const struct nvb_state *state, const char *id, int lock, const struct nvb_log *log)
{
	struct nvb_entry entry = {.lock = lock};
	_cleanup_free_ char *path = NULL, *record = NULL, *keep = NULL;

	snprintf(entry.id, sizeof(entry.id), "%s", id);
	if (asprintf(&path, "%s/capsules/%s/record", state->run, id) < 0)
		path = NULL;
	if (path && nvb_file_read(AT_FDCWD, path, 1 << 16, &record, NULL, NULL) == 0) {
		entry.runtime = nvb_record_value(record, "runtime");
		entry.cgroup = nvb_record_value(record, "cgroup");
		entry.name = nvb_record_value(record, "name");
		keep = nvb_record_value(record, "keep");
		entry.keep = keep && nvb_streq(keep, "1");
	}
	if (!fill_paths(state, &entry)) {
		release_entry(&entry);
		return;
	}
	/* One that never came to run has nothing worth keeping. */
	entry.keep = entry.keep && has_init(&entry);
	nvb_info(log, "removing what a killed bolt left of capsule %.12s", id);
	kill_init(&entry);
	delete_by_runtime(&entry, log);
	/* It ended by force. */
	nvb_entry_end(state, &entry, 128 + SIGKILL, log);
}

bool nvb_record_is_id(const char *name)
{
	return strlen(name) == NVB_CAPSULE_ID && strspn(name, "0123456789abcdef") == NVB_CAPSULE_ID;
}

/* Whether the bolt that recorded this capsule is still there. */
static bool owner_lives(int directory)
{
	_cleanup_free_ char *record = NULL, *pid = NULL, *started = NULL;
	uint32_t number;

	if (nvb_file_read(directory, "record", 1 << 16, &record, NULL, NULL) < 0)
		return false;
	pid = nvb_record_value(record, "pid");
	started = nvb_record_value(record, "started");
	return pid && started && nvb_parse_u32(pid, &number) &&
	       nvb_proc_is_alive((pid_t)number, strtoull(started, NULL, 10));
}

/* The lock of a dead bolt is free, save for the moment in which a child of its own has not yet become the
 * runtime: that one ends with its parent. */
static bool take_over(int directory)
{
	enum { TRIES = 200, PAUSE_NS = 5 * 1000 * 1000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	for (int i = 0; flock(directory, LOCK_EX | LOCK_NB) < 0; i++) {
		if (i == TRIES || owner_lives(directory))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

void nvb_state_sweep(const struct nvb_state *state, const struct nvb_log *log)
{
	_cleanup_free_ char *path = join(state->run, "capsules");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	_cleanup_close_ int lock = -1;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd;

		if (!nvb_record_is_id(entry->d_name))
			continue;
		/* Taken at the first capsule that is found: there mostly is none. */
		if (lock < 0)
			lock = nvb_state_lock(state, NULL);
		if (lock < 0)
			return;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (take_over(fd))
			sweep_one(state, entry->d_name, fd, log);
		else
			close(fd);
	}
}
