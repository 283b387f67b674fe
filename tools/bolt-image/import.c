/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/root.h"
#include "base/str.h"
#include "base/units.h"
#include "bolt-image.h"
#include "capsule/spec.h"

/*
 * bolt image import: an image of one layer from a directory, a tar archive or standard input, so that nothing
 * needs a registry. A directory goes through an archive as well (written by a child into a pipe): one way
 * into the store, one digest. The config has no date, so the same content gives the same image.
 */

static char **changes;

static const struct nvb_option options[] = {
	{"change", 'c', NVB_OPTION_LIST("'KEY VALUE'", &changes),
		"set CMD, ENTRYPOINT (JSON lists), ENV, WORKDIR, USER, STOPSIGNAL or LABEL (repeatable)"},
	{NULL},
};
const struct nvb_option_group import_groups[] = {{"Options", options}, {NULL}};

static const char *architecture(void)
{
	static const struct {
		const char *machine, *name;
	} names[] = {
		{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"ppc64le", "ppc64le"}, {"riscv64", "riscv64"}};
	struct utsname uts;

	uname(&uts);
	for (size_t i = 0; i < NVB_ELEMENTS(names); i++)
		if (nvb_streq(uts.machine, names[i].machine))
			return names[i].name;
	return "unknown";
}

static int bad_change(const char *change, nvb_error **err)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "--change '%s' is not understood", change),
		"write it as in a Dockerfile: 'ENV KEY=value', 'CMD [\"sh\"]', 'WORKDIR /src', 'LABEL "
		"key=value'");
}

static struct json_object *child_of(
	struct json_object *config, const char *key, struct json_object *(*make)(void))
{
	struct json_object *value;

	if (!json_object_object_get_ex(config, key, &value)) {
		value = make();
		json_object_object_add(config, key, value);
	}
	return value;
}

static struct json_object *new_array(void)
{
	return json_object_new_array();
}

/* A JSON list of words, or a command for the shell. */
static struct json_object *command(const char *value)
{
	struct json_object *list;

	if (*value == '[')
		return json_tokener_parse(value);
	list = json_object_new_array();
	json_object_array_add(list, json_object_new_string("/bin/sh"));
	json_object_array_add(list, json_object_new_string("-c"));
	json_object_array_add(list, json_object_new_string(value));
	return list;
}

/* "--interval=5s", "--retries=3" into docker's "Healthcheck"; false for anything else. */
static bool add_health_option(struct json_object *health, const char *option)
{
	static const struct {
		const char *option, *key;
	} durations[] = {{"--interval=", "Interval"}, {"--timeout=", "Timeout"},
		{"--start-period=", "StartPeriod"}, {"--start-interval=", "StartInterval"}};
	const char *value;
	uint64_t time;
	uint32_t retries;

	for (size_t i = 0; i < NVB_ELEMENTS(durations); i++)
		if ((value = nvb_after(option, durations[i].option))) {
			if (nvb_parse_duration(value, "HEALTHCHECK", &time, NULL) < 0 || time > INT64_MAX)
				return false;
			json_object_object_add(
				health, durations[i].key, json_object_new_int64((int64_t)time));
			return true;
		}
	value = nvb_after(option, "--retries=");
	if (!value || !nvb_parse_u32(value, &retries) || retries > INT32_MAX)
		return false;
	json_object_object_add(health, "Retries", json_object_new_int((int32_t)retries));
	return true;
}

/* "[OPTION...] CMD COMMAND" or "NONE"; NULL for anything else. */
static struct json_object *health_check(const char *value)
{
	_cleanup_(json_putp) struct json_object *health = json_object_new_object();
	struct json_object *test = NULL, *words;

	while (nvb_after(value, "--")) {
		size_t n = strcspn(value, " ");
		_cleanup_free_ char *option = strndup(value, n);

		if (!option || !add_health_option(health, option))
			return NULL;
		value += n + strspn(value + n, " ");
	}
	if (nvb_streq(value, "NONE")) {
		test = json_object_new_array();
		json_object_array_add(test, json_object_new_string("NONE"));
	} else if ((value = nvb_after(value, "CMD ")) && *value) {
		test = json_object_new_array();
		json_object_array_add(test, json_object_new_string(*value == '[' ? "CMD" : "CMD-SHELL"));
		words = *value == '[' ? json_tokener_parse(value) : NULL;
		if (*value == '[' && !json_object_is_type(words, json_type_array)) {
			json_object_put(words);
			json_object_put(test);
			return NULL;
		}
		for (size_t i = 0; words && i < json_object_array_length(words); i++)
			json_object_array_add(test, json_object_get(json_object_array_get_idx(words, i)));
		if (!words)
			json_object_array_add(test, json_object_new_string(value));
		json_object_put(words);
	}
	if (!test)
		return NULL;
	json_object_object_add(health, "Test", test);
	return NVB_TAKE_PTR(health);
}

static int apply_change(struct json_object *config, const char *change, nvb_error **err)
{
	static const struct {
		const char *word, *key;
		bool list;
	} plain[] = {{"CMD ", "Cmd", true}, {"ENTRYPOINT ", "Entrypoint", true},
		{"WORKDIR ", "WorkingDir", false}, {"USER ", "User", false},
		{"STOPSIGNAL ", "StopSignal", false}};
	const char *value;

	for (size_t i = 0; i < NVB_ELEMENTS(plain); i++) {
		struct json_object *json;

		if (!(value = nvb_after(change, plain[i].word)))
			continue;
		if (nvb_streq(plain[i].key, "StopSignal") && !nvb_parse_signal(value, &(int){0}))
			return nvb_fail(
				err, NVB_ERR_INVALID, "--change '%s': there is no such signal", change);
		json = plain[i].list ? command(value) : json_object_new_string(value);
		if (!json)
			return bad_change(change, err);
		json_object_object_add(config, plain[i].key, json);
		return 0;
	}
	if ((value = nvb_after(change, "HEALTHCHECK "))) {
		struct json_object *health = health_check(value);

		if (!health)
			return bad_change(change, err);
		json_object_object_add(config, "Healthcheck", health);
		return 0;
	}
	if ((value = nvb_after(change, "ENV ")) && strchr(value, '=')) {
		json_object_array_add(child_of(config, "Env", new_array), json_object_new_string(value));
		return 0;
	}
	if ((value = nvb_after(change, "LABEL ")) && strchr(value, '=')) {
		_cleanup_free_ char *key = strndup(value, strcspn(value, "="));

		if (!key)
			return nvb_fail_oom(err);
		json_object_object_add(child_of(config, "Labels", json_object_new_object), key,
			json_object_new_string(strchr(value, '=') + 1));
		return 0;
	}
	return bad_change(change, err);
}

static int make_config(struct json_object **out, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = json_object_new_object();
	struct json_object *config = json_object_new_object();
	int rc = 0;

	json_object_object_add(root, "architecture", json_object_new_string(architecture()));
	json_object_object_add(root, "os", json_object_new_string("linux"));
	json_object_object_add(root, "config", config);
	nvb_strv_foreach (change, changes) {
		if (rc == 0)
			rc = apply_change(config, *change, err);
	}
	if (rc < 0)
		return rc;
	if (!json_object_object_get_ex(config, "Env", NULL))
		json_object_array_add(child_of(config, "Env", new_array),
			json_object_new_string(
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	if (!json_object_object_get_ex(config, "Cmd", NULL) &&
		!json_object_object_get_ex(config, "Entrypoint", NULL))
		json_object_object_add(config, "Cmd", json_tokener_parse("[\"/bin/sh\"]"));
	*out = NVB_TAKE_PTR(root);
	return 0;
}

static void add_layer(struct json_object *root, const char *diff_id)
{
	struct json_object *rootfs = json_object_new_object(), *ids = json_object_new_array();
	char digest[NVB_DIGEST_HEX + 16];

	snprintf(digest, sizeof(digest), "sha256:%s", diff_id);
	json_object_array_add(ids, json_object_new_string(digest));
	json_object_object_add(rootfs, "type", json_object_new_string("layers"));
	json_object_object_add(rootfs, "diff_ids", ids);
	json_object_object_add(root, "rootfs", rootfs);
}

/* The directory may belong to somebody who exchanges a part of the way for a link while we read: below it
 * means below it. */
static int write_content(const struct nvb_root *root, struct archive *tar, struct archive_entry *entry)
{
	_cleanup_close_ int file = -1;
	static char buffer[128 * 1024];
	ssize_t n;

	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size(entry) == 0)
		return 0;
	file = nvb_root_openat(root, archive_entry_sourcepath(entry), O_RDONLY | O_NOFOLLOW, 0);
	if (file < 0)
		return -1;
	while ((n = read(file, buffer, sizeof(buffer))) > 0)
		if (archive_write_data(tar, buffer, (size_t)n) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

/* What belongs to the ordinary user who imports it shall belong to the container's root. */
static void own_to_root(struct archive_entry *entry)
{
	if (archive_entry_uid(entry) == (la_int64_t)geteuid())
		archive_entry_set_uid(entry, 0);
	if (archive_entry_gid(entry) == (la_int64_t)getegid())
		archive_entry_set_gid(entry, 0);
}

/* The child that turns a directory into an archive. Its exit status says whether all of it was read. */
static int write_archive(int fd)
{
	struct archive_entry_linkresolver *links = archive_entry_linkresolver_new();
	struct archive *disk = archive_read_disk_new(), *tar = archive_write_new();
	struct archive_entry *entry = archive_entry_new(), *held = NULL;
	struct nvb_root root;
	int rc;

	if (nvb_root_open(&root, ".", NULL) < 0)
		return -1;

	archive_read_disk_set_behavior(disk, ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS);
	archive_read_disk_set_symlink_physical(disk);
	archive_write_set_format_pax_restricted(tar);
	archive_write_set_bytes_per_block(tar, 0);
	archive_entry_linkresolver_set_strategy(links, archive_format(tar));
	if (archive_write_open_fd(tar, fd) != ARCHIVE_OK || archive_read_disk_open(disk, ".") != ARCHIVE_OK)
		return -1;
	while ((rc = archive_read_next_header2(disk, entry)) == ARCHIVE_OK) {
		archive_read_disk_descend(disk);
		if (archive_entry_filetype(entry) == AE_IFSOCK)
			continue;
		own_to_root(entry);
		/* The second name of a file becomes a hard link; with this format it never holds entries
		 * back. */
		archive_entry_linkify(links, &entry, &held);
		if (archive_write_header(tar, entry) < ARCHIVE_WARN || write_content(&root, tar, entry) < 0)
			return -1;
	}
	return rc == ARCHIVE_EOF && archive_write_close(tar) == ARCHIVE_OK ? 0 : -1;
}

static int open_directory(const char *path, struct layer_source *source, pid_t *packer, nvb_error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	*packer = fork();
	if (*packer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		if (chdir(path) < 0) {
			fprintf(stderr, "bolt image: %s: %s\n", path, strerror(errno));
			_exit(1);
		}
		_exit(write_archive(fds[1]) < 0);
	}
	close(fds[1]);
	if (*packer < 0) {
		close(fds[0]);
		return nvb_fail_errno(err, errno, "fork");
	}
	source->fd = fds[0];
	return 0;
}

static int open_source(const char *path, struct layer_source *source, pid_t *packer, nvb_error **err)
{
	struct stat st;

	if (nvb_streq(path, "-")) {
		if (isatty(STDIN_FILENO))
			return nvb_fail(err, NVB_ERR_INVALID, "standard input is a terminal, not an archive");
		source->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return source->fd < 0 ? nvb_fail_errno(err, errno, "standard input") : 0;
	}
	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		close(source->fd);
		source->fd = -1;
		return open_directory(path, source, packer, err);
	}
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: neither a directory nor an archive", path);
	source->size = (uint64_t)st.st_size;
	return 0;
}

static int wait_packer(pid_t packer, const char *path, nvb_error **err)
{
	int status = 0;

	if (packer <= 0)
		return 0;
	while (waitpid(packer, &status, 0) < 0 && errno == EINTR)
		continue;
	return status ? nvb_fail(err, NVB_ERR_SYSTEM, "%s: not all of it could be read", path) : 0;
}

static int import_layer(const struct nvb_store *store, struct nvb_workplace *workplace, const char *path,
	struct layer *layer, nvb_error **err)
{
	struct layer_job job = {.source = {.fd = -1}};
	pid_t packer = 0;
	int rc = open_source(path, &job.source, &packer, err);

	if (rc < 0)
		return rc;
	snprintf(job.directory, sizeof(job.directory), "%s/layer", workplace->name);
	rc = layer_jobs_run(store, &job, 1, "importing", err);
	close(job.source.fd);
	if (rc < 0 && packer > 0)
		kill(packer, SIGKILL);
	if (rc == 0)
		rc = wait_packer(packer, path, err);
	else
		wait_packer(packer, path, NULL);
	if (rc == 0)
		rc = publish_layer(store, job.directory, job.layer.diff_id, err);
	if (rc == 0)
		*layer = job.layer;
	return rc;
}

int image_import(int argc, char **argv, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *config = NULL;
	_cleanup_(nvb_store_close) struct nvb_store store = {.fd = -1};
	struct nvb_workplace workplace = {.fd = -1};
	_cleanup_free_ char *reference = NULL;
	_cleanup_close_ int lock = -1;
	char id[NVB_DIGEST_HEX + 1];
	struct layer layer;
	int rc = argc > 1 ? nvb_image_localise(argv[1], &reference, err) : 0;

	if (rc == 0)
		rc = make_config(&config, err);
	if (rc == 0)
		rc = open_store(&store, err);
	if (rc == 0)
		owners_sweep(&store);
	if (rc == 0)
		rc = lock = nvb_store_begin(&store, err);
	stop_signals_install();
	if (rc >= 0)
		rc = nvb_store_workplace(&store, &workplace, err);
	if (rc < 0)
		return rc;
	rc = import_layer(&store, &workplace, argv[0], &layer, err);
	if (rc == 0) {
		const char *text;

		add_layer(config, layer.diff_id);
		text = json_object_to_json_string_ext(
			config, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		rc = publish_image(&store, text, strlen(text), NULL, 0, reference, id, err);
	}
	nvb_workplace_remove(&store, &workplace);
	if (rc < 0)
		return nvb_wrap(err, rc, "importing %s", argv[0]);
	printf("%s%ssha256:%s\n", reference ?: "", reference ? " " : "", id);
	return 0;
}
