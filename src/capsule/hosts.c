/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { LARGEST_FILE = 1 << 20 };

static const char own_hosts[] = "127.0.0.1\tlocalhost\n"
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

int nvb_hosts_write(const char *directory, enum nvb_network network, const char *hostname, nvb_error **err)
{
	_cleanup_free_ char *line = NULL, *hosts = NULL;
	int rc;

	if (asprintf(&line, "%s\n", hostname) < 0 ||
		asprintf(&hosts, "%s127.0.0.1\t%s\n", own_hosts, hostname) < 0)
		return nvb_fail_oom(err);
	rc = write_one(directory, "hostname", line, err);
	if (rc == 0)
		rc = network == NVB_NETWORK_HOST ? copy_hosts_own(directory, "hosts", "/etc/hosts", err)
						 : write_one(directory, "hosts", hosts, err);
	if (rc == 0)
		rc = copy_hosts_own(directory, "resolv.conf", "/etc/resolv.conf", err);
	return rc;
}
