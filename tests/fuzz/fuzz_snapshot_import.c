/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"
#include "snapshot/snapshot.h"

/* An exported snapshot from a stranger, and whoever says --trust: it is refused and nothing is left of it, or
 * it is whole. */

static char place[] = "/tmp/nvbind-fuzz-XXXXXX";

static void remove_place(void)
{
	nvb_file_remove_tree(AT_FDCWD, place, NULL);
}

static void check_imported(const struct nvb_snapshots *store, const nvb_snapshot_id *id)
{
	nvb_snapshot *snapshot = NULL;

	FUZZ_CHECK(nvb_snapshot_open(store, id->text, NULL, &snapshot, NULL) == 0);
	FUZZ_CHECK(nvb_snapshot_verify(snapshot, NULL, NULL, NULL) == 0);
	nvb_snapshot_close(snapshot);
	FUZZ_CHECK(nvb_snapshot_remove(store, id, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nvb_snapshots store;
	const struct nvb_snapshot_options options = {.trust = true, .threads = 1};
	struct nvb_snapshot_info *list;
	nvb_snapshot_id id;
	size_t count = 1;
	int fd;

	if (!store.path) {
		FUZZ_CHECK(mkdtemp(place) && nvb_snapshots_open(&store, place, NULL) == 0);
		atexit(remove_place);
	}
	fd = memfd_create("import", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && nvb_write_all(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	if (nvb_snapshot_import(&store, fd, &options, &id, NULL) == 0)
		check_imported(&store, &id);
	close(fd);
	FUZZ_CHECK(nvb_snapshots_list(&store, NULL, &list, &count, NULL) == 0 && count == 0);
	nvb_snapshot_infos_free(list, count);
	return 0;
}
