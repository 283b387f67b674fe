/* SPDX-License-Identifier: Apache-2.0 */
/* The manager runs containers by bolt, which a script stands for. */
#include "host.h"

#include <unistd.h>

#include "nvbind/bolt.h"
#include "refused.h"
#include "request/request.h"

/* A program stands for bolt: what it was called with, and its status. */
static void runs(void **state)
{
	const char *const command[] = {"nvidia-smi", "-L", NULL};
	const struct nvb_inventory_options host = {.size = sizeof(host), .root = "/some/where"};
	char program[128], *text = NULL;
	struct nvb_bolt_config config = {.size = sizeof(config), .inventory = &host, .bolt = program};
	nvb_manager *manager = NULL;
	nvb_error *err = NULL;
	int status = -1;

	(void)state;
	snprintf(program, sizeof(program), "%s/bolt", scratch.path);
	scratch_write("bolt",
		"#!/bin/sh\nprintf '%s\\n' \"$@\" >\"${0%/*}/words\"\ncase \"$*\" in *kill*) kill -9 $$;; "
		"*ours*) exit 125;; esac\nexit 3\n");
	assert_int_equal(fchmodat(scratch.fd, "bolt", 0755, 0), 0);
	assert_int_equal(nvb_manager_new(&config, &manager, NULL), 0);
	assert_int_equal(nvb_manager_run(manager, "nvidia/cuda:latest", command, "all", &status, NULL), 0);
	assert_int_equal(status, 3);
	assert_int_equal(nvb_file_read(scratch.fd, "words", 4096, &text, NULL, NULL), 0);
	assert_string_equal(text,
		"--root\n/some/where\nsurge\nrun\n--gpu-runtime\nnvbind\n--rm\n--gpu\nall\nnvidia/"
		"cuda:latest\nnvidia-smi\n-L\n");
	free(text);
	assert_int_equal(nvb_manager_run(manager, "kill", NULL, NULL, &status, NULL), 0);
	assert_int_equal(status, 128 + 9);
	status = -1;
	refused(nvb_manager_run(manager, "ours", NULL, NULL, &status, &err), &err, NVB_ERR_SYSTEM,
		"bolt could not run ours");
	refused(nvb_manager_run(manager, "--privileged", NULL, NULL, &status, &err), &err, NVB_ERR_INVALID,
		"not a name");
	assert_int_equal(unlinkat(scratch.fd, "bolt", 0), 0);
	refused(nvb_manager_run(manager, "x", NULL, NULL, &status, &err), &err, NVB_ERR_NOT_FOUND,
		"starting ");
	assert_int_equal(status, -1);
	nvb_manager_free(manager);
}

/* bolt as a script: `surge run` prints an id, `capsule inspect` what the file "inspect" holds. */
static nvb_manager *manager_with_script(void)
{
	static char program[128];
	const struct nvb_bolt_config config = {.size = sizeof(config), .bolt = program};
	nvb_manager *manager = NULL;

	snprintf(program, sizeof(program), "%s/bolt", scratch.path);
	scratch_write("bolt",
		"#!/bin/sh\nhere=${0%/*}\nif [ \"$1\" = surge ]; then printf '%s\\n' \"$@\" >$here/words; "
		"echo 0123456789abcdef; case $* in *fails*) echo noise >&2; echo 'bolt: no such image "
		"(pull it)' >&2; exit 125;; esac\nelse echo \"$@\" >$here/asked; cat $here/inspect; fi\n");
	assert_int_equal(fchmodat(scratch.fd, "bolt", 0755, 0), 0);
	assert_int_equal(nvb_manager_new(&config, &manager, NULL), 0);
	return manager;
}

static void assert_file(const char *name, const char *wanted)
{
	char *text = NULL;

	assert_int_equal(nvb_file_read(scratch.fd, name, 4096, &text, NULL, NULL), 0);
	assert_string_equal(text, wanted);
	free(text);
}

static void starts_a_container(void **state)
{
	static const char *const command[] = {"sleep", "9", NULL}, *const extra[] = {"gaming", NULL};
	struct nvb_bolt_run run = {.size = sizeof(run),
		.id = "game",
		.image = "steam:latest",
		.rootfs = "/some/root",
		.command = command,
		.profiles = extra,
		.remove = true};
	nvb_manager *manager = manager_with_script();
	nvb_request *request = NULL;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "0,1:0", NULL), 0);
	assert_int_equal(nvb_request_add_docker_gpus(request, "2", NULL), 0);
	assert_int_equal(nvb_request_add_cdi_device(request, "nvidia.com/gpu=all", NULL), 0);
	assert_int_equal(nvb_request_set_capabilities(request, "compute,graphics", NULL), 0);
	assert_int_equal(nvb_request_set_isolation(request, "virtual", NULL), 0);
	assert_int_equal(nvb_request_set_memory_limit(request, "8GB", NULL), 0);
	assert_int_equal(nvb_request_set_compute_limit(request, "80%", NULL), 0);
	assert_int_equal(nvb_request_set_mig_match(request, "strict", NULL), 0);
	run.request = request;
	scratch_write(
		"inspect", "[{\"id\": \"x\", \"deep\": {\"pid\": 1}, \"pid\": 4711, \"status\": null}]");
	assert_int_equal(nvb_manager_run_rootfs(manager, &run, &pid, NULL), 0);
	assert_int_equal(pid, 4711);
	assert_file("words",
		"surge\nrun\n--gpu-runtime\nnvbind\n--detach\n--name\ngame\n--annotation\n"
		"org.opencontainers.image.ref.name=steam:latest\n--rm\n--gpu\n0\n--gpu\n1:0\n--gpus\n2\n"
		"--cdi-device\nnvidia.com/gpu=all\n--capabilities\ncompute,graphics\n--isolation\nvirtual\n"
		"--gpu-memory-limit\n8000000000B\n--gpu-compute-limit\n80%\n--mig-match\nstrict\n"
		"--profile\ngaming\n/some/root\nsleep\n9\n");
	assert_file("asked", "capsule inspect 0123456789abcdef\n");
	nvb_request_free(request);
	nvb_manager_free(manager);
}

static void starts_no_container(void **state)
{
	struct nvb_bolt_run run = {.size = 1};
	nvb_manager *manager = manager_with_script();
	nvb_request *request = NULL;
	nvb_error *err = NULL;
	pid_t pid = 7;

	(void)state;
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID,
		"nvb_bolt_run.size is 1");
	run.size = sizeof(run);
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID,
		"neither an image nor a root");
	run.rootfs = "here";
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID,
		"not an absolute path");
	run.rootfs = NULL;
	run.image = "-x";
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID, "not a name");
	run.image = "fails";
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_SYSTEM,
		"bolt: no such image (pull it)");
	run.image = "x";
	scratch_write("inspect", "[{\"pid\": null}]");
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_CANCELLED,
		"capsule 0123456789abcdef: its program has ended already");
	scratch_write("inspect", "[]");
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_CORRUPT, "no capsule in it");
	scratch_write("inspect", "pid 12");
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_CORRUPT,
		"capsule 0123456789abcdef");
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	run.request = request;
	assert_int_equal(nvb_request_add_features(request, NVB_FEATURE_GDS, true, NULL), 0);
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_UNSUPPORTED,
		"a request with features");
	assert_int_equal(pid, 7);
	nvb_request_free(request);
	nvb_manager_free(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(runs),
		scratch_test(starts_a_container),
		scratch_test(starts_no_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
