/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "inventory/listing.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

enum { SMALL = 4096 };

const char *nvb_doctor_text(struct nvb_doctor *d, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	const char *kept;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	kept = text ? nvb_arena_strdup(&d->arena, text) : NULL;
	d->no_memory |= !kept;
	return kept ? kept : "";
}

void nvb_doctor_say(struct nvb_doctor *d, struct nvb_doctor_finding *f, enum nvb_doctor_status status,
	const char *command, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	d->no_memory |= !text;
	f->status = status;
	f->cause = nvb_doctor_text(d, "%s", text ? text : "");
	f->command = command ? nvb_doctor_text(d, "%s", command) : NULL;
	f->safe = command && f->check->flags & NVB_DOCTOR_SAFE;
}

void nvb_doctor_absent(struct nvb_doctor_finding *f)
{
	f->status = NVB_DOCTOR_ABSENT;
}

void nvb_doctor_saw(struct nvb_doctor *d, struct nvb_doctor_finding *f, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	f->looked_at = nvb_doctor_text(d, "%s", text ? text : "");
}

enum { NAMED = 4, WIDEST = 120 }; /* as many as have room */

void nvb_doctor_list_add(struct nvb_doctor_list *list, const char *fmt, ...)
{
	va_list ap;

	if (++list->count > NAMED) {
		snprintf(list->text + list->end, sizeof(list->text) - list->end, " and %zu more",
			list->count - NAMED);
		return;
	}
	if (list->end)
		list->end += (size_t)snprintf(list->text + list->end, sizeof(list->text) - list->end, ", ");
	va_start(ap, fmt);
	vsnprintf(list->text + list->end, WIDEST, fmt, ap);
	va_end(ap);
	list->end += strlen(list->text + list->end);
}

const char *nvb_doctor_s(size_t count)
{
	return count == 1 ? "" : "s";
}

char *nvb_doctor_read(const struct nvb_root *root, const char *path, int *error)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_RDONLY, 0);
	char *text = NULL;

	if (error)
		*error = fd < 0 ? -fd : 0;
	if (fd < 0 || nvb_file_read_fd(fd, path, 1 << 20, &text, NULL, NULL) < 0)
		return NULL;
	for (size_t n = strlen(text); n && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	return text;
}

char *nvb_doctor_read_bytes(const struct nvb_root *root, const char *path, size_t *size)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_RDONLY, 0);
	char *data = NULL;

	return fd >= 0 && nvb_file_read_fd(fd, path, 1 << 20, &data, size, NULL) == 0 ? data : NULL;
}

bool nvb_doctor_exists(const struct nvb_root *root, const char *path)
{
	struct stat st;

	return nvb_root_stat(root, path, true, &st) == 0;
}

/* --- the bus --- */

static bool is_nvidia_display(const struct nvb_root *sys, const char *address)
{
	_cleanup_free_ char *vendor = NULL, *class = NULL;
	char path[128];

	snprintf(path, sizeof(path), PCI_DEVICES "/%.32s/vendor", address);
	vendor = nvb_doctor_read(sys, path, NULL);
	if (!nvb_streq0(vendor, "0x10de"))
		return false;
	snprintf(path, sizeof(path), PCI_DEVICES "/%.32s/class", address);
	class = nvb_doctor_read(sys, path, NULL);
	return class && nvb_after(class, "0x03");
}

static void add_device(struct nvb_doctor *d, const char *address)
{
	struct nvb_doctor_pci *device = &d->pci[d->pci_count++];
	char path[128], target[512];

	device->address = nvb_doctor_text(d, "%s", address);
	snprintf(path, sizeof(path), PCI_DEVICES "/%.32s/driver", address);
	if (nvb_root_readlink(&d->inventory->roots.sys, path, target, sizeof(target)) < 0)
		return;
	device->driver = nvb_doctor_text(d, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

const struct nvb_doctor_pci *nvb_doctor_pci(struct nvb_doctor *d, size_t *count)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	const struct nvb_root *sys = &d->inventory->roots.sys;

	if (!d->pci_read && nvb_listing_read(sys, PCI_DEVICES, &listing) == 0) {
		d->pci = nvb_arena_alloc(&d->arena, (listing.count + 1) * sizeof(*d->pci));
		d->no_memory |= !d->pci;
		for (size_t i = 0; d->pci && i < listing.count; i++)
			if (is_nvidia_display(sys, listing.entries[i].name))
				add_device(d, listing.entries[i].name);
	}
	d->pci_read = true;
	*count = d->pci_count;
	return d->pci;
}

/* --- the linker's cache, the kernel's log, NVML, CDI --- */

const struct nvb_ldcache *nvb_doctor_cache(struct nvb_doctor *d)
{
	char *data = NULL;
	size_t size;

	if (d->cache_read)
		return &d->cache;
	d->cache_read = true;
	if (nvb_root_read(&d->inventory->roots.driver, "/etc/ld.so.cache", NVB_LDCACHE_MAX, &data, &size,
		    NULL) == 0 &&
		nvb_ldcache_parse(&d->cache, data, size, NULL) < 0)
		free(data);
	return &d->cache;
}

/* One record a read, as the kernel gives them; or a file of them. Neither waits. */
static void read_kmsg(struct nvb_doctor *d, int fd)
{
	_cleanup_strbuf_ struct nvb_strbuf all = {0};
	char record[8192];

	while (all.len < NVB_KMSG_MAX) {
		ssize_t n = read(fd, record, sizeof(record));

		/* EPIPE: records were overwritten meanwhile; the next read goes on behind them. */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n <= 0)
			break;
		nvb_sb_addn(&all, record, (size_t)n);
	}
	d->no_memory |= all.failed;
	if (all.s)
		nvb_kmsg_parse(&d->kmsg, all.s, all.len);
}

const struct nvb_kmsg *nvb_doctor_kmsg(struct nvb_doctor *d)
{
	if (d->kmsg_error < 0) {
		_cleanup_close_ int fd =
			nvb_root_openat(&d->inventory->roots.dev, "/dev/kmsg", O_RDONLY | O_NONBLOCK, 0);

		d->kmsg_error = fd < 0 ? -fd : 0;
		if (fd >= 0)
			read_kmsg(d, fd);
	}
	return d->kmsg_error ? NULL : &d->kmsg;
}

const struct nvb_health *nvb_doctor_health(struct nvb_doctor *d, struct nvb_doctor_finding *f)
{
	if (!nvb_doctor_has_module(d) || nvb_doctor_is_wsl(d) || !d->inventory->driver.version) {
		nvb_doctor_absent(f);
		return NULL;
	}
	nvb_health_ask(&d->health, d->inventory);
	if (!d->health.error)
		return &d->health;
	nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "%s", nvb_error_message(d->health.error));
	return NULL;
}

static void keep_spec(const struct nvb_doctor_spec *spec, void *data)
{
	struct nvb_doctor *d = data;

	if (!NVB_GROW(d->specs, d->spec_count, d->spec_capacity)) {
		d->no_memory = true;
		return;
	}
	d->specs[d->spec_count++] = (struct nvb_doctor_spec){
		.path = nvb_doctor_text(d, "%s", spec->path),
		.reason = spec->reason ? nvb_doctor_text(d, "%s", spec->reason) : NULL,
		.state = spec->state,
		.refreshable = spec->refreshable,
	};
}

const struct nvb_doctor_spec *nvb_doctor_specs(struct nvb_doctor *d, size_t *count)
{
	if (!d->specs_read && d->options.specs)
		d->options.specs(keep_spec, d, &d->specs_error);
	d->specs_read = true;
	*count = d->spec_count;
	return d->specs;
}

/* --- what kind of host --- */

bool nvb_doctor_has_module(const struct nvb_doctor *d)
{
	return d->inventory->driver.kind == NVB_DRIVER_OPEN ||
	       d->inventory->driver.kind == NVB_DRIVER_PROPRIETARY ||
	       d->inventory->driver.kind == NVB_DRIVER_DXG;
}

bool nvb_doctor_is_wsl(const struct nvb_doctor *d)
{
	return d->inventory->platform == NVB_PLATFORM_WSL2;
}

/* ID and ID_LIKE of os-release(5), as words. */
static bool is_like(const struct nvb_doctor *d, const char *words)
{
	_cleanup_free_ char *text = nvb_doctor_read(&d->host, "/etc/os-release", NULL);
	_cleanup_strv_ char **wanted = nvb_strv_split(words, " "), **lines = NULL;

	lines = text ? nvb_strv_split(text, "\n") : NULL;
	nvb_strv_foreach (line, lines) {
		const char *value = nvb_after(*line, "ID=");
		_cleanup_strv_ char **ids = NULL;

		value = value ? value : nvb_after(*line, "ID_LIKE=");
		ids = value ? nvb_strv_split(value, "\"' ") : NULL;
		nvb_strv_foreach (id, ids)
			if (nvb_strv_contains(wanted, *id))
				return true;
	}
	return false;
}

const char *nvb_doctor_install(struct nvb_doctor *d, const struct nvb_doctor_package *package)
{
	if (package->debian && is_like(d, "debian ubuntu"))
		return nvb_doctor_text(d, "apt-get install %s", package->debian);
	if (package->fedora && is_like(d, "fedora rhel centos"))
		return nvb_doctor_text(d, "dnf install %s", package->fedora);
	if (package->arch && is_like(d, "arch"))
		return nvb_doctor_text(d, "pacman -S %s", package->arch);
	if (package->suse && is_like(d, "suse opensuse sles"))
		return nvb_doctor_text(d, "zypper install %s", package->suse);
	return package->debian ? nvb_doctor_text(d, "apt-get install %s", package->debian) : NULL;
}

const char *nvb_doctor_user(const struct nvb_doctor *d, char *buffer, size_t size)
{
	const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
	const char *name = getenv("LOGNAME") ? getenv("LOGNAME") : getenv("USER");

	(void)d;
	if (geteuid() == 0 && (!sudo || !*sudo || nvb_streq(sudo, "root")))
		return NULL;
	if (sudo) {
		snprintf(buffer, size, "%s", sudo);
		return buffer;
	}
	snprintf(buffer, size, "%s", name ? name : "");
	if (!*buffer)
		snprintf(buffer, size, "%u", (unsigned)geteuid());
	return buffer;
}
