/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/*
 * docker run: by CDI where the daemon reads specs (28.2 on by default, 25 with the feature switched on), else
 * through the runtime nvbind where it is registered. The daemon itself is asked.
 */

enum { LARGEST_ANSWER = 4 << 20 };

static int read_all(int fd, struct nvb_strbuf *answer, nvb_error **err)
{
	char block[16384];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvb_fail_errno(err, errno, "reading docker's answer");
		if (answer->len + (size_t)n > LARGEST_ANSWER)
			return nvb_fail(
				err, NVB_ERR_CORRUPT, "docker info: more than %d bytes", LARGEST_ANSWER);
		nvb_sb_addn(answer, block, (size_t)n);
	}
	return answer->failed ? nvb_fail_oom(err) : 0;
}

/* Runs "docker info"; its standard error goes to `said`. */
static int ask(const char *program, int said, struct nvb_strbuf *answer, nvb_error **err)
{
	_cleanup_close_ int out = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ends[2], status, rc;
	pid_t pid;

	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "asking docker");
	out = ends[0];
	pid = fork();
	if (pid == 0) {
		if (dup2(null, STDIN_FILENO) >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0 &&
			dup2(said, STDERR_FILENO) >= 0)
			execl(program, "docker", "info", "--format", "{{json .}}", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (pid < 0)
		return nvb_fail_errno(err, errno, "asking docker");
	rc = read_all(out, answer, err);
	if (rc < 0)
		close(NVB_TAKE_FD(out)); /* or it may wait for us to read on */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			break;
	return rc;
}

/* The first line of what docker said. */
static const char *first_line(int said, char *line, size_t size)
{
	ssize_t n = pread(said, line, size - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return *line ? line : "it gives no reason";
}

static int ask_daemon(const char *program, struct docker_info *info, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf answer = {0};
	_cleanup_close_ int said = memfd_create("docker-info", MFD_CLOEXEC);
	char line[512];
	int rc;

	if (said < 0)
		return nvb_fail_errno(err, errno, "asking docker");
	rc = ask(program, said, &answer, err);
	/* Without any answer, what it said is the reason. */
	if (rc == 0 && answer.len)
		rc = docker_info_parse(info, answer.s, answer.len, err);
	if (rc < 0)
		return rc;
	if (info->error || !info->version)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "docker's daemon does not answer: %s",
				info->error ? info->error : first_line(said, line, sizeof(line))),
			"start it (systemctl start docker), or check DOCKER_HOST and the rights to its "
			"socket");
	return 0;
}

/* --runtime nvbind reads its request from the environment. */
static void add_runtime(struct run_command *command, const struct run *run)
{
	_cleanup_strbuf_ struct nvb_strbuf list = {0};
	char capabilities[NVB_CAPABILITIES_TEXT];

	run_add_option(command, "--runtime", "nvbind");
	for (size_t i = 0; i < run->plan->device_count; i++)
		nvb_sb_addf(&list, "%s%s", i ? "," : "", run->plan->devices[i].name);
	run_add(command, "--env");
	run_addf(command, "NVIDIA_VISIBLE_DEVICES=%s", list.s ? list.s : "none");
	command->failed |= list.failed;
	if (run->request->capabilities == NVB_CAP_DEFAULT)
		return;
	run_add(command, "--env");
	run_addf(command, "NVIDIA_DRIVER_CAPABILITIES=%s",
		nvb_capabilities_format(run->request->capabilities, capabilities));
}

static bool has_foreign_device(const struct nvb_request *request)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind == NVB_SELECT_CDI &&
			!nvb_after(request->selectors[i].text, "nvidia.com/gpu="))
			return true;
	return false;
}

static int add_gpus(
	struct run_command *command, struct run *run, const struct docker_info *info, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct run_command devices = {0};
	bool cdi = info->cdi_directories && info->cdi_directories[0];
	bool runtime = nvb_strv_contains(info->runtimes, "nvbind");
	int rc = -NVB_ERR_NOT_FOUND;

	if (run->request->none)
		return 0;
	if (cdi)
		rc = run_add_cdi_devices(&devices, run, info->cdi_directories, &why);
	if (rc == 0)
		nvb_strv_foreach (word, devices.words)
			run_add(command, *word);
	command->failed |= devices.failed;
	nvb_strv_free(devices.words);
	if (rc == 0)
		return 0;
	if (runtime && !has_foreign_device(run->request)) {
		add_runtime(command, run);
		return 0;
	}
	if (cdi) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"docker %s reads no CDI specs and does not have the runtime nvbind", info->version),
		"nvbind runtime configure --runtime docker, then restart docker");
}

int run_docker(struct run_command *command, struct run *run, nvb_error **err)
{
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_free_ char *program = NULL;
	int rc = run_find_engine("docker", &program, err);

	if (rc == 0)
		rc = run_make_plan(run, err);
	if (rc == 0)
		rc = ask_daemon(program, &info, err);
	if (rc == 0 && run->rootless && !info.rootless)
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION, "--rootless: this docker daemon runs as root"),
			"set up rootless docker (dockerd-rootless-setuptool.sh), or use podman");
	if (rc < 0)
		return rc;
	run_add(command, "docker");
	run_add(command, "run");
	rc = add_gpus(command, run, &info, err);
	if (rc < 0)
		return rc;
	run_add_settings(command, run->plan, false);
	run_add_common(command);
	return 0;
}
