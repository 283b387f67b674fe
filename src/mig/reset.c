/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/reset.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "mig/change.h"
#include "mig/session.h"

/* What nvidia-smi says goes to a pipe: its last line is the reason when it fails. */
static void last_line(int fd, char *line, size_t size)
{
	char text[4096];
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(text) - 1 &&
		((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	text[used] = '\0';
	*line = '\0';
	for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
		snprintf(line, size, "%.*s", (int)size - 1, at);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f)
			*at = '?';
}

_Noreturn static void become_smi(const char *program, const char *pci, const char *directory, int out)
{
	char library_path[4096 + 32];
	char *const argv[] = {(char *)program, (char *)"--gpu-reset", (char *)"-i", (char *)pci, NULL};
	char *const environment[] = {library_path, NULL};

	snprintf(library_path, sizeof(library_path), "LD_LIBRARY_PATH=%.4000s", directory);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
		execve(program, argv, environment);
	_exit(127);
}

static int run_smi(const char *program, const char *pci, const char *directory, nvb_error **err)
{
	_cleanup_close_ int read_end = -1, write_end = -1;
	char line[256];
	int ends[2], status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	read_end = ends[0];
	write_end = ends[1];
	child = fork();
	if (child < 0)
		return nvb_fail_errno(err, errno, "fork");
	if (child == 0)
		become_smi(program, pci, directory, write_end);
	nvb_closep(&write_end);
	write_end = -1;
	last_line(read_end, line, sizeof(line));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_BUSY, "resetting GPU %s by %s: %s", pci, program,
			*line ? line : "it could not be run"),
		"nothing may have the GPU open; where it cannot be reset (a virtual machine, NVLink in use), "
		"reboot");
}

static int find_smi(const struct nvb_inventory *inventory, char **program, nvb_error **err)
{
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		if (file->kind != NVB_FILE_BINARY || !nvb_streq(file->rule, "bin.nvidia-smi"))
			continue;
		*program = nvb_root_host_path(&inventory->roots.driver, file->path);
		return *program ? 0 : nvb_fail_oom(err);
	}
	return nvb_fail(err, NVB_ERR_NOT_FOUND,
		"resetting a GPU takes nvidia-smi, which is not among the driver's programs");
}

int nvb_mig_reset(struct nvb_mig *mig, size_t index, nvb_error **err)
{
	_cleanup_free_ char *program = NULL, *library = NULL;
	int rc = find_smi(mig->inventory, &program, err);

	if (rc == 0)
		rc = nvb_nvml_library(mig->inventory, &library, err);
	if (rc < 0)
		return rc;
	*strrchr(library, '/') = '\0';
	nvb_mig_session_close(mig->session);
	mig->session = NULL;
	rc = run_smi(program, mig->gpus[index].pci, library, err);
	if (rc == 0)
		rc = nvb_mig_session_open(mig->inventory, &mig->session, err);
	return rc == 0 ? nvb_mig_read_again(mig, index, err) : rc;
}
