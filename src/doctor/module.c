/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "doctor/checks.h"
#include "inventory/libs.h"
#include "inventory/listing.h"

/* The kernel module and the libraries that belong to it. */

static const struct nvb_doctor_package driver_package = {
	"nvidia-driver", "akmod-nvidia", "nvidia-open", "nvidia-open-driver-G06-signed-kmp-default"};

/* Whether depmod knows an nvidia.ko for the running kernel: 1, 0, or -1 where its list cannot be read. */
static int module_is_installed(struct nvb_doctor *d, char release[static 128])
{
	_cleanup_free_ char *running =
		nvb_doctor_read(&d->inventory->roots.proc, "/proc/sys/kernel/osrelease", NULL);
	_cleanup_free_ char *list = NULL;
	char path[256];
	int error;

	snprintf(release, 128, "%s", running ? running : "");
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	if (!*release || strchr(release, '/'))
		return -1;
	if (nvb_root_read(&d->host, path, 8 << 20, &list, NULL, NULL) < 0) {
		error = nvb_doctor_exists(&d->host, path);
		return error ? -1 : 0;
	}
	return strstr(list, "/nvidia.ko") != NULL;
}

NVB_LOOK(module_missing)
{
	char release[128];
	int installed;

	(void)check;
	if (nvb_doctor_has_module(d))
		return;
	installed = module_is_installed(d, release);
	nvb_doctor_saw(d, f, "/proc/driver/nvidia/version, /lib/modules/%s/modules.dep", release);
	if (installed == 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, nvb_doctor_install(d, &driver_package),
			"no NVIDIA module is installed for the kernel that runs, %s%s", release,
			nvb_doctor_exists(&d->host, "/usr/sbin/dkms")
				? " (after an upgrade of the kernel: 'dkms autoinstall' builds it)"
				: "");
	else if (installed < 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL,
			"the list of modules of kernel '%s' cannot be read", release);
}

/* EFI variables begin with four bytes of attributes. Source: the kernel's Documentation/filesystems/efivarfs.
 */
static int secure_boot(struct nvb_doctor *d)
{
	static const char path[] =
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	_cleanup_free_ char *data = NULL;
	size_t size = 0;

	if (!nvb_doctor_exists(&d->inventory->roots.sys, path))
		return 0;
	data = nvb_doctor_read_bytes(&d->inventory->roots.sys, path, &size);
	return data && size >= 5 ? data[4] == 1 : -1;
}

NVB_LOOK(module_rejected)
{
	const struct nvb_kmsg *kmsg;
	int secure;

	(void)check;
	if (nvb_doctor_has_module(d))
		return;
	kmsg = nvb_doctor_kmsg(d);
	secure = secure_boot(d);
	if (kmsg && kmsg->key_rejected)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "mokutil --import /var/lib/dkms/mok.pub",
			"the kernel refused NVIDIA's module for its signature%s: its key must be enrolled, "
			"which "
			"the next boot asks about",
			secure == 1 ? " (Secure Boot is on)" : "");
	else if (!kmsg && secure == 1)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, "mokutil --import /var/lib/dkms/mok.pub",
			"the module is installed and not loaded, Secure Boot is on, and the kernel's log "
			"cannot be "
			"read: it probably refused an unsigned module");
}

NVB_LOOK(module_not_loaded)
{
	char release[128];

	(void)check;
	if (!nvb_doctor_has_module(d) && module_is_installed(d, release) == 1)
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "modprobe nvidia",
			"NVIDIA's module is installed for kernel %s and not loaded", release);
}

NVB_LOOK(driver_mismatch)
{
	const struct nvb_driver *driver = &d->inventory->driver;

	(void)check;
	if (!driver->mismatch)
		return;
	nvb_doctor_saw(d, f, "/proc/driver/nvidia/version (%s), libcuda.so.%s", driver->module_version,
		driver->version);
	nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE, "reboot",
		"the driver's libraries are %s, the loaded kernel module is %s: an upgrade of the driver "
		"waits for a "
		"restart",
		driver->version, driver->module_version);
}

NVB_LOOK(driver_libraries)
{
	(void)check;
	if (!nvb_doctor_has_module(d))
		nvb_doctor_absent(f);
	else if (!d->inventory->driver.version && !nvb_doctor_is_wsl(d))
		nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
			nvb_doctor_install(d, &(struct nvb_doctor_package){"libcuda1 nvidia-smi",
						      "xorg-x11-drv-nvidia-cuda", "nvidia-utils",
						      "nvidia-compute-utils-G06"}),
			"the kernel module %s is loaded, and no libcuda.so of any version is among the "
			"libraries",
			d->inventory->driver.module_version ? d->inventory->driver.module_version
							    : "of NVIDIA");
}

/* A version of the driver that ld.so.cache leads to, and where. */
struct found {
	char version[32];
	const char *directory;
};
enum { MOST_FOUND = 4 };

/* The version is in the name of the file behind an entry, which links hide. */
static void add_version(struct nvb_doctor *d, const char *path, struct found *found, size_t *count)
{
	_cleanup_free_ char *real = NULL;
	const char *version;
	char *slash;

	if (*path != '/' || nvb_root_realpath(&d->inventory->roots.driver, path, &real, NULL) < 0)
		return;
	slash = strrchr(real, '/');
	version = nvb_lib_version(slash + 1);
	if (!version || !strchr(version, '.'))
		return;
	for (size_t i = 0; i < *count; i++)
		if (nvb_streq(found[i].version, version))
			return;
	if (*count == MOST_FOUND)
		return;
	snprintf(found[*count].version, sizeof(found[0].version), "%s", version);
	*slash = '\0';
	found[(*count)++].directory = nvb_doctor_text(d, "%s", real);
}

/* The one too many: that the kernel module does not have; where none is loaded, the older. */
static const struct found *odd_one(const struct nvb_doctor *d, const struct found *found)
{
	const char *module = d->inventory->driver.module_version;

	if (module)
		return nvb_streq(found[0].version, module) ? &found[1] : &found[0];
	return nvb_doctor_compare_versions(found[0].version, found[1].version) < 0 ? &found[0] : &found[1];
}

NVB_LOOK(driver_two_versions)
{
	const struct nvb_ldcache *cache = nvb_doctor_cache(d);
	struct found found[MOST_FOUND];
	const struct found *odd;
	size_t count = 0;

	(void)check;
	for (size_t i = 0; i < cache->count; i++)
		if (nvb_streq(cache->entries[i].soname, "libcuda.so.1") ||
			nvb_streq(cache->entries[i].soname, "libnvidia-ml.so.1"))
			add_version(d, cache->entries[i].path, found, &count);
	if (count < 2)
		return;
	odd = odd_one(d, found);
	nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
		nvb_doctor_text(d, "sh -c 'rm %s/lib*.so.%s && ldconfig'", odd->directory, odd->version),
		"ld.so.cache leads to two versions of the driver, %s and %s; the kernel module is %s. If a "
		"package or "
		"nvidia-installer brought the other, remove it with that",
		found[0].version, found[1].version,
		d->inventory->driver.module_version ? d->inventory->driver.module_version : "not loaded");
}

/* GSP runs on open modules always, and since Turing; firmware is asked for by name. */
static bool wants_firmware(const struct nvb_inventory *inventory)
{
	if (inventory->driver.kind == NVB_DRIVER_OPEN)
		return true;
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (inventory->gpus[i].firmware && !nvb_streq(inventory->gpus[i].firmware, "N/A"))
			return true;
	return false;
}

NVB_LOOK(driver_firmware)
{
	const char *version = d->inventory->driver.module_version;
	_cleanup_listing_ struct nvb_listing listing = {0};
	const struct nvb_kmsg *kmsg;
	char path[128];

	(void)check;
	if (!version || nvb_doctor_is_wsl(d) || !wants_firmware(d->inventory)) {
		nvb_doctor_absent(f);
		return;
	}
	snprintf(path, sizeof(path), "/lib/firmware/nvidia/%s", version);
	nvb_doctor_saw(d, f, "%s/gsp_*.bin, the kernel's log", path);
	nvb_listing_read(&d->inventory->roots.driver, path, &listing);
	for (size_t i = 0; i < listing.count; i++)
		if (nvb_after(listing.entries[i].name, "gsp"))
			return;
	kmsg = nvb_doctor_kmsg(d);
	nvb_doctor_say(d, f, kmsg && kmsg->firmware_missing ? NVB_DOCTOR_FAILURE : NVB_DOCTOR_WARNING,
		nvb_doctor_install(
			d, &(struct nvb_doctor_package){"firmware-nvidia-gsp", "nvidia-gpu-firmware",
				   "linux-firmware-nvidia", "kernel-firmware-nvidia"}),
		"the firmware of the GPU's system processor is not in %s%s", path,
		kmsg && kmsg->firmware_missing ? ", and the kernel has asked for it in vain"
					       : ": the next load of the module fails");
}
