/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { LARGEST_FILE = 1 << 20 };

const char nvb_hosts_beginning[] = "127.0.0.1\tlocalhost\n"
				   "::1\tlocalhost ip6-localhost ip6-loopback\n"
				   "fe00::\tip6-localnet\n"
				   "ff00::\tip6-mcastprefix\n"
				   "ff02::1\tip6-allnodes\n"
				   "ff02::2\tip6-allrouters\n";

static int write_one(const char *directory, const char *name, const char *text, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	rc = fd < 0 ? -errno : nvb_write_all(fd, text, strlen(text));
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* A host without the file gives an empty one. */
static int copy_hosts_own(const char *directory, const char *name, const char *from, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;

	if (nvb_file_read(AT_FDCWD, from, LARGEST_FILE, &text, NULL, NULL) < 0)
		return write_one(directory, name, "", err);
	return write_one(directory, name, text, err);
}

/* The host's own, or the beginning with our name, and what was asked for besides. */
static int write_hosts(const char *directory, const struct nvb_hosts *hosts, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *host = NULL, *path = NULL;

	if (hosts->shared) {
		if (asprintf(&path, "%s/hosts", directory) < 0)
			return nvb_fail_oom(err);
		return symlink(hosts->shared, path) < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
	}
	if (hosts->spec->network != NVB_NETWORK_HOST)
		nvb_sb_addf(&text, "%s127.0.0.1\t%s\n", nvb_hosts_beginning, hosts->hostname);
	else if (nvb_file_read(AT_FDCWD, "/etc/hosts", LARGEST_FILE, &host, NULL, NULL) == 0)
		nvb_sb_addf(&text, "%s%s", host, *host && !nvb_ends_with(host, "\n") ? "\n" : "");
	nvb_strv_foreach (line, hosts->spec->extra_hosts)
		nvb_sb_addf(&text, "%s\n", *line);
	if (text.failed)
		return nvb_fail_oom(err);
	return write_one(directory, "hosts", text.s ? text.s : "", err);
}

static bool is_loopback(const char *line)
{
	const char *server = nvb_after(line, "nameserver");

	if (!server)
		return false;
	server += strspn(server, " \t");
	return nvb_after(server, "127.") || nvb_streq(server, "::1");
}

/* The lines but for name servers on the host's loopback, which a container with a network of its own cannot
 * reach; *left says whether a server is left. */
static char *without_loopback(const char *text, bool *left)
{
	_cleanup_strv_ char **lines = nvb_strv_split(text, "\n");
	struct nvb_strbuf out = {0};

	*left = false;
	out.failed = lines == NULL;
	nvb_strv_foreach (line, lines) {
		if (is_loopback(*line))
			continue;
		*left |= nvb_after(*line, "nameserver") != NULL;
		nvb_sb_addf(&out, "%s\n", *line);
	}
	nvb_sb_add(&out, "");
	return nvb_sb_finish(&out);
}

/* systemd-resolved's own list stands where resolv.conf has nothing but its address on the loopback. */
static int write_resolver(const char *directory, const struct nvb_hosts *hosts, nvb_error **err)
{
	static const char *const sources[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};
	_cleanup_free_ char *line = NULL;

	if (hosts->spec->network != NVB_NETWORK_BRIDGE)
		return copy_hosts_own(directory, "resolv.conf", sources[0], err);
	if (hosts->resolver)
		return asprintf(&line, "nameserver %s\n", hosts->resolver) < 0
			       ? nvb_fail_oom(err)
			       : write_one(directory, "resolv.conf", line, err);
	for (size_t i = 0; i < NVB_ELEMENTS(sources); i++) {
		_cleanup_free_ char *text = NULL, *kept = NULL;
		bool left;

		if (nvb_file_read(AT_FDCWD, sources[i], LARGEST_FILE, &text, NULL, NULL) < 0)
			continue;
		kept = without_loopback(text, &left);
		if (!kept)
			return nvb_fail_oom(err);
		if (left)
			return write_one(directory, "resolv.conf", kept, err);
	}
	nvb_warning(hosts->log, "the host's name servers listen on its loopback alone, where capsules on a "
				"bridge cannot ask them: names of the outside are not found inside");
	return write_one(directory, "resolv.conf", "", err);
}

int nvb_hosts_write(const char *directory, const struct nvb_hosts *hosts, nvb_error **err)
{
	_cleanup_free_ char *line = NULL;
	int rc;

	if (asprintf(&line, "%s\n", hosts->hostname) < 0)
		return nvb_fail_oom(err);
	rc = write_one(directory, "hostname", line, err);
	if (rc == 0)
		rc = write_hosts(directory, hosts, err);
	return rc < 0 ? rc : write_resolver(directory, hosts, err);
}
