/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/mounts.h"
#include "container/container.h"

enum { MOST_LINKS = 40 }; /* as the kernel: ELOOP */

static char *below(const struct nvb_rootfs *rootfs, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", rootfs->workspace, name) < 0 ? NULL : path;
}

static int make_directory(const struct nvb_rootfs *rootfs, const char *name, char **path, nvb_error **err)
{
	_cleanup_free_ char *joined = below(rootfs, name);

	if (!joined)
		return nvb_fail_oom(err);
	if (mkdir(joined, 0755) < 0)
		return nvb_fail_errno(err, errno, "creating %s", joined);
	*path = NVB_TAKE_PTR(joined);
	return 0;
}

/* The image's layers, topmost first, behind the first `reserved` places; malloc'd. */
static const char **lower_directories(const struct nvb_image *image, size_t reserved)
{
	const char **lower = calloc(reserved + image->layer_count + 1, sizeof(*lower));

	for (size_t i = 0; lower && i < image->layer_count; i++)
		lower[reserved + i] = image->layers[image->layer_count - 1 - i];
	return lower;
}

static int open_view(struct nvb_rootfs *rootfs, const struct nvb_image *image, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ const char **lower = NULL;
	struct nvb_overlay overlay = {.lower_count = image->layer_count, .user = rootfs->rootless};
	int rc;

	if (image->layer_count == 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "image %s has no layers", image->reference);
	/* One layer is the view already. */
	if (image->layer_count == 1)
		return nvb_root_open(&rootfs->view, image->layers[0], err);
	lower = lower_directories(image, 0);
	if (!lower)
		return nvb_fail_oom(err);
	overlay.lower = lower;
	rc = make_directory(rootfs, "view", &path, err);
	if (rc == 0)
		rc = nvb_overlay_mount(&overlay, path, err);
	return rc < 0 ? rc : nvb_root_open(&rootfs->view, path, err);
}

int nvb_rootfs_open(struct nvb_rootfs *rootfs, const char *workspace, bool rootless,
	const struct nvb_image *image, nvb_error **err)
{
	_cleanup_rootfs_ struct nvb_rootfs opened = NVB_ROOTFS_INIT;
	_cleanup_free_ char *top = NULL;
	int rc;

	opened.rootless = rootless;
	opened.workspace = strdup(workspace);
	if (!opened.workspace)
		return nvb_fail_oom(err);
	rc = make_directory(&opened, "top", &top, err);
	if (rc == 0)
		rc = nvb_root_open(&opened.top, top, err);
	if (rc == 0)
		rc = open_view(&opened, image, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "image %s", image->reference);
	*rootfs = opened;
	opened = (struct nvb_rootfs)NVB_ROOTFS_INIT;
	return 0;
}

void nvb_rootfs_close(struct nvb_rootfs *rootfs)
{
	nvb_root_close(&rootfs->view);
	nvb_root_close(&rootfs->top);
	free(rootfs->workspace);
	*rootfs = (struct nvb_rootfs)NVB_ROOTFS_INIT;
}

/* Every directory on the way to `path` ("/usr", "/usr/lib"): calls `each` until it says false. */
static bool each_parent(const char *path, bool (*each)(const char *directory, void *data), void *data)
{
	char directory[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);

		if (n >= sizeof(directory))
			return false;
		memcpy(directory, path, n);
		directory[n] = '\0';
		if (!each(directory, data))
			return false;
	}
	return true;
}

static bool layer_fits(const char *directory, void *data)
{
	const struct nvb_rootfs *rootfs = data;
	struct stat st;
	int rc = nvb_root_stat(&rootfs->view, directory, false, &st);

	return rc == -ENOENT || (rc == 0 && S_ISDIR(st.st_mode));
}

/* Calls each_parent for the files of the tree; files of one directory stand together, so most are skipped. */
static bool each_tree_directory(
	const struct nvb_plan *plan, bool (*each)(const char *directory, void *data), void *data)
{
	const char *previous = "";
	size_t length = 0;

	for (size_t i = 0; plan && i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];
		const char *path = edit->mount.container, *slash;

		if (edit->kind != NVB_EDIT_MOUNT || edit->mount.via != NVB_VIA_LAYER)
			continue;
		slash = strrchr(path, '/');
		if (length == (size_t)(slash - path) && memcmp(previous, path, length) == 0)
			continue;
		previous = path;
		length = (size_t)(slash - path);
		if (!each_parent(path, each, data))
			return false;
	}
	return true;
}

bool nvb_rootfs_takes_layer(const struct nvb_rootfs *rootfs, const struct nvb_plan *plan)
{
	return each_tree_directory(plan, layer_fits, (void *)rootfs);
}

static void release_work(struct nvb_container_work *work)
{
	free((void *)work->links);
	free((void *)work->directories);
	free((void *)work->libraries);
}

/* Of one mounted directory that holds linker directories (the tree under NVB_LAYOUT_TREE): the libraries in
 * them, wherever the mount will put them. */
static int list_mounted(const struct nvb_edit *mount, const struct nvb_container_work *work,
	struct nvb_arena *arena, struct nvb_container_library **libraries, size_t *count, size_t *capacity,
	nvb_error **err)
{
	for (size_t i = 0; i < work->directory_count; i++) {
		const char *inside = work->directories[i], *rest = nvb_after(inside, mount->mount.container);
		_cleanup_closedir_ DIR *dir = NULL;
		const struct dirent *entry;
		const char *host;

		if (!rest || (*rest && *rest != '/'))
			continue;
		host = nvb_arena_printf(arena, "%s%s", mount->mount.host, rest);
		dir = host ? opendir(host) : NULL;
		while (dir && (entry = readdir(dir))) {
			struct nvb_container_library library;

			if (entry->d_type != DT_REG || !strstr(entry->d_name, ".so"))
				continue;
			library.path = nvb_arena_printf(arena, "%s/%s", inside, entry->d_name);
			library.host = nvb_arena_printf(arena, "%s/%s", host, entry->d_name);
			if (!library.path || !library.host || !NVB_GROW(*libraries, *count, *capacity))
				return nvb_fail_oom(err);
			(*libraries)[(*count)++] = library;
		}
	}
	return 0;
}

/* The libraries that the plan's mounts will bring: the root does not show them before it runs. */
static int list_libraries(const struct nvb_plan *plan, struct nvb_container_work *work,
	struct nvb_arena *arena, nvb_error **err)
{
	struct nvb_container_library *libraries = NULL;
	size_t count = 0, capacity = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (edit->kind != NVB_EDIT_MOUNT)
			continue;
		if (edit->mount.file_kind == NVB_FILE_DIRECTORY)
			rc = list_mounted(edit, work, arena, &libraries, &count, &capacity, err);
		else if (!NVB_GROW(libraries, count, capacity))
			rc = nvb_fail_oom(err);
		else
			libraries[count++] =
				(struct nvb_container_library){edit->mount.container, edit->mount.host};
	}
	work->libraries = libraries;
	work->library_count = count;
	return rc;
}

int nvb_rootfs_apply_plan(
	struct nvb_rootfs *rootfs, const struct nvb_plan *plan, const struct nvb_log *log, nvb_error **err)
{
	struct nvb_link *links = calloc(plan->edit_count + 1, sizeof(*links));
	const char **directories = calloc(plan->edit_count + 1, sizeof(*directories));
	_cleanup_(release_work) struct nvb_container_work work = {.links = links, .directories = directories};
	struct nvb_arena arena = {0};
	int rc = 0;

	if (!links || !directories)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (edit->kind == NVB_EDIT_LINK)
			links[work.link_count++] = edit->link;
		else if (edit->kind == NVB_EDIT_LDCACHE)
			directories[work.directory_count++] = edit->ldcache.directory;
		else if (edit->kind == NVB_EDIT_COMPAT)
			work.compat_driver = edit->compat.driver_version;
	}
	if (work.directory_count)
		rc = list_libraries(plan, &work, &arena, err);
	if (rc == 0 && (work.link_count || work.directory_count))
		rc = nvb_container_apply_layer(&rootfs->view, &rootfs->top, &work, log, err);
	nvb_arena_release(&arena);
	return rc;
}

/*
 * Where a path of the container leads, following the image's links as far as they go, also to what does not
 * exist yet ("/etc/resolv.conf -> ../run/systemd/resolve/resolv.conf"). Nothing runs in the image, and what
 * is found here is only a name to be made in the top layer, so walking it by name is safe.
 */
struct walk {
	char resolved[PATH_MAX]; /* "" is the root */
	char rest[2 * PATH_MAX];
	int links;
	bool exists; /* whether `resolved` does */
	struct stat st;
};

static bool push_link(struct walk *walk, const char *target, const char *rest)
{
	char joined[2 * PATH_MAX];

	if (++walk->links > MOST_LINKS ||
		(size_t)snprintf(joined, sizeof(joined), "%s/%s", target, rest) >= sizeof(walk->rest))
		return false;
	if (*target == '/')
		*walk->resolved = '\0';
	memcpy(walk->rest, joined, strlen(joined) + 1);
	return true;
}

static int walk_step(const struct nvb_root *view, struct walk *walk, const char *part, const char *rest)
{
	size_t n = strlen(walk->resolved);
	char target[PATH_MAX];
	ssize_t length;
	int rc;

	if (nvb_streq(part, "..")) {
		char *slash = strrchr(walk->resolved, '/');

		if (slash)
			*slash = '\0';
		walk->exists = true;
		memmove(walk->rest, rest, strlen(rest) + 1);
		return 0;
	}
	if ((size_t)snprintf(walk->resolved + n, sizeof(walk->resolved) - n, "/%s", part) >=
		sizeof(walk->resolved) - n)
		return -ENAMETOOLONG;
	if (walk->exists) {
		rc = nvb_root_stat(view, walk->resolved, false, &walk->st);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		walk->exists = rc == 0;
	}
	if (walk->exists && S_ISLNK(walk->st.st_mode)) {
		length = nvb_root_readlink(view, walk->resolved, target, sizeof(target));
		if (length < 0)
			return (int)length;
		walk->resolved[n] = '\0';
		return push_link(walk, target, rest) ? 0 : -ELOOP;
	}
	memmove(walk->rest, rest, strlen(rest) + 1);
	return 0;
}

static int walk_path(const struct nvb_root *view, const char *path, struct walk *walk)
{
	walk->exists = true;
	walk->st = (struct stat){.st_mode = S_IFDIR};
	*walk->resolved = '\0';
	walk->links = 0;
	if ((size_t)snprintf(walk->rest, sizeof(walk->rest), "%s", path) >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	for (;;) {
		char part[NAME_MAX + 1];
		const char *rest = walk->rest + strspn(walk->rest, "/");
		size_t n = strcspn(rest, "/");
		int rc;

		if (n == 0)
			return 0;
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(part, rest, n);
		part[n] = '\0';
		if (nvb_streq(part, ".")) {
			memmove(walk->rest, rest + n, strlen(rest + n) + 1);
			continue;
		}
		rc = walk_step(view, walk, part, rest + n);
		if (rc < 0)
			return rc;
	}
}

/* What lies in these exists only in the running container. */
static bool is_kernels(const char *path)
{
	const char *rest = nvb_after(path, "/proc") ?: nvb_after(path, "/sys");

	return rest && (!*rest || *rest == '/');
}

/*
 * A link of the image that leads into /proc or /sys ("/etc/resolv.conf -> /proc/net/pnp") is no place to
 * mount at: runc refuses to, and the kernel's file would be covered for everybody. The mount point takes the
 * link's own place in the top layer.
 */
static int walk_to_link(const struct nvb_root *view, const char *path, struct walk *walk)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	size_t n;
	int rc;

	if (!slash ||
		(size_t)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path) >= sizeof(parent))
		return 0;
	rc = walk_path(view, parent, walk);
	n = strlen(walk->resolved);
	if (rc == 0 && (size_t)snprintf(walk->resolved + n, sizeof(walk->resolved) - n, "%s", slash) >=
			       sizeof(walk->resolved) - n)
		rc = -ENAMETOOLONG;
	walk->exists = false;
	return rc;
}

int nvb_rootfs_mount_point(struct nvb_rootfs *rootfs, const char *path, bool directory, nvb_error **err)
{
	_cleanup_close_ int parent = -1, file = -1;
	struct walk walk;
	const char *name;
	int rc = walk_path(&rootfs->view, path, &walk);

	if (rc == 0 && is_kernels(walk.resolved) && !is_kernels(path))
		rc = walk_to_link(&rootfs->view, path, &walk);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "mount point %s in the image", path);
	if (walk.exists && S_ISDIR(walk.st.st_mode) != directory)
		return nvb_fail(err, NVB_ERR_CONFLICT, "mount point %s: the image has a %s there", path,
			directory ? "file" : "directory");
	if (walk.exists)
		return 0;
	parent = nvb_root_open_parent(&rootfs->top, walk.resolved, true, &name, err);
	if (parent < 0)
		return nvb_wrap(err, parent, "mount point %s", path);
	if (directory) {
		if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
			return nvb_fail_errno(err, errno, "mount point %s", path);
		return 0;
	}
	file = openat(parent, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	return file < 0 ? nvb_fail_errno(err, errno, "mount point %s", path) : 0;
}

int nvb_rootfs_own_directory(struct nvb_rootfs *rootfs, const char *name, nvb_error **err)
{
	struct stat st;

	if (!nvb_guard("own-directories") && nvb_root_stat(&rootfs->view, name, true, &st) != -ENOENT)
		return 0;
	if (mkdirat(rootfs->top.fd, name, 0755) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, "mount point /%s", name);
	return 0;
}

static int mirror_one(const struct nvb_rootfs *rootfs, int fd, const char *path, nvb_error **err)
{
	struct stat st;
	int rc = nvb_root_stat(&rootfs->view, path, false, &st);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s in the image", path);
	if (!S_ISDIR(st.st_mode))
		return nvb_fail(err, NVB_ERR_CONFLICT,
			"%s: the image has something there that is no directory", path);
	/* The owner first: changing it clears set-id bits. One that does not exist in the user namespace is
	 * root for the capsule. */
	if ((st.st_uid || st.st_gid) && fchownat(fd, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0 &&
		!(rootfs->rootless && errno == EINVAL))
		return nvb_fail_errno(err, errno, "owner of %s", path);
	if (fchmod(fd, st.st_mode & 07777) < 0)
		return nvb_fail_errno(err, errno, "mode of %s", path);
	return 0;
}

static int mirror_tree(
	const struct nvb_rootfs *rootfs, int parent, const char *name, const char *path, nvb_error **err)
{
	_cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char child[PATH_MAX];
	int rc, copy;

	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = mirror_one(rootfs, fd, *path ? path : "/", err);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		return rc < 0 ? rc : nvb_fail_errno(err, errno, "%s", path);
	while (rc == 0 && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || nvb_streq(entry->d_name, ".") ||
			nvb_streq(entry->d_name, ".."))
			continue;
		if ((size_t)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= sizeof(child))
			return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", path);
		rc = mirror_tree(rootfs, fd, entry->d_name, child, err);
	}
	return rc;
}

struct cover {
	struct nvb_rootfs *rootfs;
	nvb_error **err;
	int rc;
};

/* The tree's directories are root's with mode 0755; one that is otherwise in the image gets its like in the
 * top layer, above the tree. */
static bool cover_tree_directory(const char *directory, void *data)
{
	struct cover *cover = data;
	struct stat st;
	const char *name;
	int fd;

	if (nvb_root_stat(&cover->rootfs->view, directory, false, &st) < 0 ||
		(st.st_uid == 0 && st.st_gid == 0 && (st.st_mode & 07777) == 0755))
		return true;
	fd = nvb_root_open_parent(&cover->rootfs->top, directory, true, &name, cover->err);
	if (fd < 0) {
		cover->rc = fd;
		return false;
	}
	if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
		cover->rc = nvb_fail_errno(cover->err, errno, "%s", directory);
	close(fd);
	return cover->rc == 0;
}

int nvb_rootfs_mirror(struct nvb_rootfs *rootfs, const struct nvb_plan *plan, nvb_error **err)
{
	struct cover cover = {.rootfs = rootfs, .err = err};

	if (plan && plan->layout == NVB_LAYOUT_LAYER)
		each_tree_directory(plan, cover_tree_directory, &cover);
	return cover.rc < 0 ? cover.rc : mirror_tree(rootfs, rootfs->top.fd, ".", "", err);
}

/* The root directory's own owner and mode come from the upper directory. */
static int make_upper(
	const struct nvb_rootfs *rootfs, const char *base, char **upper, char **work, nvb_error **err)
{
	_cleanup_free_ char *u = NULL, *w = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&u, "%s/upper", base) < 0 || asprintf(&w, "%s/work", base) < 0)
		return nvb_fail_oom(err);
	if ((mkdir(u, 0755) < 0 && errno != EEXIST) || (mkdir(w, 0700) < 0 && errno != EEXIST))
		return nvb_fail_errno(err, errno, "creating the capsule's directories in %s", base);
	fd = open(u, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", u);
	*upper = NVB_TAKE_PTR(u);
	*work = NVB_TAKE_PTR(w);
	return mirror_one(rootfs, fd, "/", err);
}

void nvb_rootfs_unmount(const struct nvb_rootfs *rootfs)
{
	_cleanup_free_ char *target = rootfs->workspace ? below(rootfs, "rootfs") : NULL;

	if (target)
		umount2(target, MNT_DETACH);
}

int nvb_rootfs_mount(const struct nvb_rootfs *rootfs, const struct nvb_image *image, const char *tree,
	const char *base, bool discard, nvb_error **err)
{
	_cleanup_free_ char *target = NULL, *upper = NULL, *work = NULL, *top = below(rootfs, "top");
	size_t ours = tree ? 2 : 1;
	_cleanup_free_ const char **lower = lower_directories(image, ours);
	struct nvb_overlay overlay = {
		.lower = lower,
		.lower_count = ours + image->layer_count,
		.discard = discard,
		.user = rootfs->rootless,
	};
	int rc;

	if (!top || !lower)
		return nvb_fail_oom(err);
	lower[0] = top;
	if (tree)
		lower[1] = tree;
	rc = base ? make_upper(rootfs, base, &upper, &work, err) : 0;
	overlay.upper = upper;
	overlay.work = work;
	if (rc == 0)
		rc = make_directory(rootfs, "rootfs", &target, err);
	return rc < 0 ? rc : nvb_overlay_mount(&overlay, target, err);
}
