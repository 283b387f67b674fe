/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

bool nvb_journal_is_stream(int fd, const char *journal_stream)
{
	unsigned long long device, inode;
	struct stat st;

	return journal_stream && sscanf(journal_stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int nvb_journal_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
		sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return NVB_TAKE_FD(fd);
}

void nvb_journal_add(struct nvb_strbuf *entry, const char *name, const char *value)
{
	uint64_t size = htole64((uint64_t)strlen(value));

	nvb_sb_add(entry, name);
	if (strchr(value, '\n')) {
		nvb_sb_addc(entry, '\n');
		nvb_sb_addn(entry, &size, sizeof(size));
	} else {
		nvb_sb_addc(entry, '=');
	}
	nvb_sb_add(entry, value);
	nvb_sb_addc(entry, '\n');
}

int nvb_journal_send(int fd, const struct nvb_strbuf *entry)
{
	if (entry->failed || !entry->s)
		return -ENOMEM;
	return send(fd, entry->s, entry->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}
