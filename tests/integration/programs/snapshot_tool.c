/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nvbind/error.h"
#include "snapshot/snapshot.h"

/*
 * Takes and extracts snapshots of directories, without capsules:
 *
 *	snapshot-tool take STORE CAPSULE TREE=DIR...
 *	snapshot-tool follow STORE CAPSULE TREE=DIR COMMAND...	the command writes pages-*.img into DIR
 *	snapshot-tool extract STORE SNAPSHOT TREE DIR
 *
 * KEY_FILE and TRUST of the environment are the options of that name.
 */

static int failed(const char *what, nvb_error *err)
{
	const char *hint = err ? nvb_error_hint(err) : NULL;

	fprintf(stderr, "%s: %s%s%s%s\n", what, err ? nvb_error_message(err) : "?", hint ? " (" : "",
		hint ?: "", hint ? ")" : "");
	nvb_error_free(err);
	return 1;
}

static int open_tree(char *word)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return -1;
	*equals = '\0';
	return open(equals + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int follow(nvb_snapshot_writer *writer, char **argv, nvb_error **err)
{
	int fd = open_tree(argv[0]), rc;

	if (fd < 0)
		return -NVB_ERR_INVALID;
	rc = nvb_snapshot_follow(writer, argv[0], fd, err);
	if (rc == 0 && run(argv + 1) < 0)
		rc = -NVB_ERR_SYSTEM;
	if (rc == 0)
		rc = nvb_snapshot_follow_end(writer, err);
	close(fd);
	return rc;
}

static int add(nvb_snapshot_writer *writer, char **argv, nvb_error **err)
{
	int rc = 0;

	for (; rc == 0 && *argv; argv++) {
		int fd = open_tree(*argv);

		rc = fd < 0 ? -NVB_ERR_INVALID : nvb_snapshot_add_tree(writer, *argv, fd, err);
		if (fd >= 0)
			close(fd);
	}
	return rc;
}

static int take(const struct nvb_snapshots *store, const struct nvb_snapshot_options *options, char **argv)
{
	static const struct nvb_snapshot_gpu gpu = {
		.uuid = "GPU-00000000-0000-0000-0000-000000000001", .chip = "H200"};
	struct nvb_snapshot_manifest manifest = {.name = argv[3],
		.image = "localhost/test:latest",
		.gpus = (struct nvb_snapshot_gpu *)&gpu,
		.gpu_count = 1,
		.definition = "{\"environment\": [\"SECRET=swordfish\"]}"};
	nvb_snapshot_writer *writer = NULL;
	nvb_error *err = NULL;
	nvb_snapshot_id id;
	int rc = nvb_snapshot_begin(store, argv[3], options, &writer, &err);

	if (rc == 0)
		rc = strcmp(argv[1], "follow") == 0 ? follow(writer, argv + 4, &err)
						    : add(writer, argv + 4, &err);
	if (rc == 0)
		rc = nvb_snapshot_commit(writer, &manifest, &id, &err);
	nvb_snapshot_writer_free(writer);
	if (rc < 0)
		return failed("take", err);
	puts(id.text);
	return 0;
}

static int extract(const struct nvb_snapshots *store, const struct nvb_snapshot_options *options, char **argv)
{
	nvb_snapshot *snapshot = NULL;
	nvb_error *err = NULL;
	int fd = open(argv[5], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = nvb_snapshot_open(store, argv[3], options, &snapshot, &err);

	if (rc == 0)
		rc = nvb_snapshot_extract(snapshot, argv[4], fd, &err);
	nvb_snapshot_close(snapshot);
	close(fd);
	return rc < 0 ? failed("extract", err) : 0;
}

int main(int argc, char **argv)
{
	struct nvb_snapshot_options options = {
		.key_file = getenv("KEY_FILE"), .trust = getenv("TRUST") != NULL};
	struct nvb_snapshots store;
	nvb_error *err = NULL;
	int status;

	if (argc < 5 || (strcmp(argv[1], "extract") == 0 && argc != 6))
		return 2;
	if (nvb_snapshots_open(&store, argv[2], &err) < 0)
		return failed("store", err);
	status = strcmp(argv[1], "extract") == 0 ? extract(&store, &options, argv)
						 : take(&store, &options, argv);
	nvb_snapshots_close(&store);
	return status;
}
