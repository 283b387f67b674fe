/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

/* The driver's files as distributions lay them out, and as nobody should. */

#define DEB   "/usr/lib/x86_64-linux-gnu"
#define DEB32 "/usr/lib/i386-linux-gnu"

static void debian_alternatives(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib(DEB "/nvidia/current/libcuda.so.550.163.01", "libcuda.so.1");
	host_link(DEB "/nvidia/current/libcuda.so.1", "libcuda.so.550.163.01");
	host_link("/etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu",
		DEB "/nvidia/current/libcuda.so.1");
	host_link(DEB "/libcuda.so.1", "/etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu");
	host_lib(DEB "/libnvidia-glcore.so.550.163.01", "libnvidia-glcore.so.550.163.01");
	host_lib(DEB "/nvidia/current/libvdpau_nvidia.so.550.163.01", "libvdpau_nvidia.so.1");
	host_text("/usr/lib/nvidia/current/nvidia-smi", "#!/bin/sh\n");
	host_link("/usr/bin/nvidia-smi", "/etc/alternatives/nvidia--nvidia-smi");
	host_link("/etc/alternatives/nvidia--nvidia-smi", "/usr/lib/nvidia/current/nvidia-smi");
	host_text(DEB "/nvidia/current/nvoptix.bin", "models");
	inventory = host_load(NULL);
	assert_string_equal(inventory->driver.version, "550.163.01");
	assert_string_equal(
		host_file(inventory, DEB "/nvidia/current/libcuda.so.550.163.01")->rule, "lib.cuda");
	assert_string_equal(
		host_target(inventory, DEB "/libcuda.so.1"), "nvidia/current/libcuda.so.550.163.01");
	assert_string_equal(
		host_target(inventory, DEB "/libcuda.so"), "nvidia/current/libcuda.so.550.163.01");
	assert_string_equal(
		host_target(inventory, DEB "/nvidia/current/libcuda.so.1"), "libcuda.so.550.163.01");
	assert_non_null(host_file(inventory, DEB "/libnvidia-glcore.so.550.163.01"));
	/* A module opened by path: no SONAME for the linker, but the name that libvdpau looks for. */
	assert_null(host_file(inventory, DEB "/nvidia/current/libvdpau_nvidia.so.550.163.01")->soname);
	assert_string_equal(host_target(inventory, DEB "/vdpau/libvdpau_nvidia.so.1"),
		"../nvidia/current/libvdpau_nvidia.so.550.163.01");
	assert_string_equal(
		host_target(inventory, "/usr/bin/nvidia-smi"), "../lib/nvidia/current/nvidia-smi");
	assert_string_equal(host_target(inventory, "/usr/share/nvidia/nvoptix.bin"),
		"../../lib/x86_64-linux-gnu/nvidia/current/nvoptix.bin");
	assert_true(host_directory(inventory, DEB) && host_directory(inventory, DEB "/nvidia/current"));
	nvb_inventory_free(inventory);
}

static void ubuntu_with_32_bit(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib(DEB "/libcuda.so.550.54.15", "libcuda.so.1");
	host_lib32(DEB32 "/libcuda.so.550.54.15", "libcuda.so.1");
	host_lib(DEB "/libGLX_nvidia.so.550.54.15", "libGLX_nvidia.so.0");
	host_lib(DEB "/libnvidia-brandnew.so.550.54.15", "libnvidia-brandnew.so.1");
	host_lib(DEB "/libicudata.so.72.1", "libicudata.so.72");
	host_lib(DEB "/libnvidia-egl-gbm.so.1.1.1", "libnvidia-egl-gbm.so.1");
	host_lib(DEB "/libnvidia-egl-gbm.so.1.1.2", "libnvidia-egl-gbm.so.1");
	host_link(DEB "/libnvidia-egl-gbm.so.1", "libnvidia-egl-gbm.so.1.1.2");
	host_text(DEB "/nvidia/wine/nvngx.dll", "MZ");
	host_text("/usr/share/vulkan/icd.d/nvidia_icd.json", "{}");
	inventory = host_load(NULL);
	assert_int_equal(host_file(inventory, DEB "/libcuda.so.550.54.15")->elf_class, 64);
	assert_int_equal(host_file(inventory, DEB32 "/libcuda.so.550.54.15")->elf_class, 32);
	/* Unknown but of the driver: every container gets it. */
	assert_int_equal(host_file(inventory, DEB "/libnvidia-brandnew.so.550.54.15")->capabilities, 0);
	assert_null(host_file(inventory, DEB "/libicudata.so.72.1"));
	/* Two releases of one SONAME: the link says which. */
	assert_null(host_file(inventory, DEB "/libnvidia-egl-gbm.so.1.1.1"));
	assert_non_null(host_file(inventory, DEB "/libnvidia-egl-gbm.so.1.1.2"));
	assert_string_equal(
		host_target(inventory, DEB "/libnvidia-egl-gbm.so.1"), "libnvidia-egl-gbm.so.1.1.2");
	assert_string_equal(
		host_target(inventory, DEB "/libGLX_indirect.so.0"), "libGLX_nvidia.so.550.54.15");
	assert_int_equal(host_file(inventory, DEB "/nvidia/wine/nvngx.dll")->capabilities, NVB_CAP_NGX);
	assert_non_null(host_file(inventory, "/usr/share/vulkan/icd.d/nvidia_icd.json"));
	assert_string_equal(inventory->library_directories[0], DEB);
	assert_string_equal(inventory->library_directories[1], DEB32);
	assert_null(inventory->library_directories[2]);
	nvb_inventory_free(inventory);
}

static void fedora(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib("/usr/lib64/libcuda.so.570.133.20", "libcuda.so.1");
	host_lib("/usr/lib64/vdpau/libvdpau_nvidia.so.570.133.20", "libvdpau_nvidia.so.1");
	host_lib("/usr/lib64/libnvidia-allocator.so.570.133.20", "libnvidia-allocator.so.1");
	host_lib32("/usr/lib/libcuda.so.570.133.20", "libcuda.so.1");
	host_text("/usr/share/vulkan/icd.d/nvidia_icd.i686.json", "{}");
	host_text("/usr/lib/firmware/nvidia/570.133.20/gsp_ga10x.bin", "fw");
	host_link("/lib", "usr/lib");
	inventory = host_load(NULL);
	assert_int_equal(host_file(inventory, "/usr/lib/libcuda.so.570.133.20")->elf_class, 32);
	assert_int_equal(host_file(inventory, "/usr/share/vulkan/icd.d/nvidia_icd.i686.json")->elf_class, 32);
	assert_string_equal(host_target(inventory, "/usr/lib64/vdpau/libvdpau_nvidia.so.1"),
		"libvdpau_nvidia.so.570.133.20");
	assert_string_equal(host_target(inventory, "/usr/lib64/gbm/nvidia-drm_gbm.so"),
		"../libnvidia-allocator.so.570.133.20");
	assert_int_equal(host_file(inventory, "/usr/lib/firmware/nvidia/570.133.20/gsp_ga10x.bin")->kind,
		NVB_FILE_FIRMWARE);
	assert_null(host_target(inventory, "/lib/firmware/nvidia/570.133.20/gsp_ga10x.bin"));
	assert_false(host_directory(inventory, "/usr/lib64/vdpau"));
	nvb_inventory_free(inventory);
}

static void arch(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib("/usr/lib/libcuda.so.575.64.03", "libcuda.so.1");
	host_lib32("/usr/lib32/libcuda.so.575.64.03", "libcuda.so.1");
	host_link("/usr/lib64", "lib");
	inventory = host_load(NULL);
	assert_int_equal(inventory->file_count, 2);
	assert_int_equal(host_file(inventory, "/usr/lib/libcuda.so.575.64.03")->elf_class, 64);
	assert_int_equal(host_file(inventory, "/usr/lib32/libcuda.so.575.64.03")->elf_class, 32);
	nvb_inventory_free(inventory);
}

static void nixos(void **state)
{
	static const char store[] = "/nix/store/abc-nvidia-x11-570.133.20-6.12/lib";
	struct nvb_inventory *inventory;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/libcuda.so.570.133.20", store);
	host_lib(path, "libcuda.so.1");
	host_link("/nix/store/xyz-graphics-drivers/lib/libcuda.so.1", path);
	snprintf(path, sizeof(path), "%s/libnvidia-ptxjitcompiler.so.570.133.20", store);
	host_lib(path, "libnvidia-ptxjitcompiler.so.1");
	host_link("/run/opengl-driver", "/nix/store/xyz-graphics-drivers");
	host_text("/nix/store/xyz-graphics-drivers/share/vulkan/icd.d/nvidia_icd.x86_64.json", "{}");
	inventory = host_load(NULL);
	assert_string_equal(inventory->driver.version, "570.133.20");
	snprintf(path, sizeof(path), "%s/libcuda.so.570.133.20", store);
	assert_non_null(host_file(inventory, path));
	snprintf(path, sizeof(path), "%s/libnvidia-ptxjitcompiler.so.570.133.20", store);
	assert_non_null(host_file(inventory, path));
	assert_true(host_directory(inventory, store));
	assert_string_equal(host_target(inventory, "/nix/store/xyz-graphics-drivers/lib/libcuda.so.1"),
		"../../abc-nvidia-x11-570.133.20-6.12/lib/libcuda.so.570.133.20");
	assert_string_equal(host_target(inventory, "/usr/share/vulkan/icd.d/nvidia_icd.x86_64.json"),
		"../../../../nix/store/xyz-graphics-drivers/share/vulkan/icd.d/nvidia_icd.x86_64.json");
	nvb_inventory_free(inventory);
}

static void container_optimized_os(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib("/usr/local/nvidia/lib64/libcuda.so.570.133.20", "libcuda.so.1");
	host_text("/usr/local/nvidia/bin/nvidia-smi", "#!/bin/sh\n");
	host_text("/usr/local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json", "{}");
	inventory = host_load(NULL);
	assert_true(host_directory(inventory, "/usr/local/nvidia/lib64"));
	assert_string_equal(host_target(inventory, "/usr/bin/nvidia-smi"), "../local/nvidia/bin/nvidia-smi");
	assert_string_equal(host_target(inventory, "/usr/share/glvnd/egl_vendor.d/10_nvidia.json"),
		"../../../local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json");
	nvb_inventory_free(inventory);
}

static void wsl2(void **state)
{
#define STORE "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1"
	struct nvb_inventory *inventory;

	(void)state;
	if (mknodat(scratch.fd, "dxg", S_IFCHR | 0600, makedev(10, 125)) < 0)
		skip();
	scratch_mkdir("dev");
	assert_int_equal(renameat(scratch.fd, "dxg", scratch.fd, "dev/dxg"), 0);
	host_lib("/usr/lib/wsl/lib/libdxcore.so", "libdxcore.so");
	host_lib(STORE "/libcuda.so.1.1", "libcuda.so.1");
	host_lib(STORE "/libcuda_loader.so", "libcuda.so.1");
	host_lib(STORE "/libnvidia-ml.so.1", "libnvidia-ml.so.1");
	host_text(STORE "/nvcubins.bin", "bin");
	host_text(STORE "/nv_dispi.inf", "text");
	host_lib(STORE "/nvidia-smi", NULL);
	host_lib("/usr/lib/wsl/drivers/intel.inf/libigd.so", "libigd.so");
	inventory = host_load(NULL);
	assert_int_equal(inventory->platform, NVB_PLATFORM_WSL2);
	assert_int_equal(inventory->driver.kind, NVB_DRIVER_DXG);
	assert_int_equal(inventory->gpu_count, 0);
	assert_int_equal(inventory->control_count, 1);
	assert_string_equal(inventory->control[0].path, "/dev/dxg");
	assert_true(inventory->control[0].present);
	assert_string_equal(host_target(inventory, STORE "/libcuda.so.1"), "libcuda.so.1.1");
	assert_non_null(host_file(inventory, STORE "/nvcubins.bin"));
	assert_null(host_file(inventory, STORE "/nv_dispi.inf"));
	assert_null(host_file(inventory, "/usr/lib/wsl/drivers/intel.inf/libigd.so"));
	/* The loader carries the SONAME of what it loads: only the real library goes by it. */
	assert_null(host_file(inventory, STORE "/libcuda_loader.so")->soname);
	assert_non_null(host_target(inventory, "/usr/bin/nvidia-smi"));
	assert_true(host_directory(inventory, STORE) && host_directory(inventory, "/usr/lib/wsl/lib"));
	nvb_inventory_free(inventory);
}

static void the_module_decides_between_two_drivers(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib(DEB "/nvidia/current/libcuda.so.550.163.01", "libcuda.so.1");
	host_lib(DEB "/nvidia/tesla-535/libcuda.so.535.261.03", "libcuda.so.1");
	host_lib(DEB "/libnvidia-glcore.so.550.163.01", "libnvidia-glcore.so.550.163.01");
	host_lib(DEB "/libnvidia-glcore.so.535.261.03", "libnvidia-glcore.so.535.261.03");
	host_module("535.261.03");
	inventory = host_load(NULL);
	assert_string_equal(inventory->driver.version, "535.261.03");
	assert_false(inventory->driver.mismatch);
	assert_null(host_file(inventory, DEB "/nvidia/current/libcuda.so.550.163.01"));
	assert_null(host_file(inventory, DEB "/libnvidia-glcore.so.550.163.01"));
	assert_non_null(host_file(inventory, DEB "/libnvidia-glcore.so.535.261.03"));
	nvb_inventory_free(inventory);
}

static void mismatch_and_compat(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib(DEB "/libcuda.so.550.163.01", "libcuda.so.1");
	host_lib("/usr/local/cuda-12.4/compat/libcuda.so.555.42.06", "libcuda.so.1");
	host_lib("/usr/local/cuda-12.10/compat/libcuda.so.560.35.03", "libcuda.so.1");
	host_module("550.90.07");
	inventory = host_load(NULL);
	assert_string_equal(inventory->driver.version, "550.163.01");
	assert_string_equal(inventory->driver.module_version, "550.90.07");
	assert_true(inventory->driver.mismatch);
	assert_string_equal(inventory->compat_directory, "/usr/local/cuda-12.10/compat");
	nvb_inventory_free(inventory);
}

static void library_path_comes_first(void **state)
{
	const char *const path[] = {"/opt/driver/lib", NULL};
	const struct nvb_inventory_options options = {
		.size = sizeof(options), .root = scratch.path, .library_path = path};
	const char *const relative[] = {"lib", NULL};
	struct nvb_inventory_options wrong = options;
	struct nvb_inventory *inventory = NULL;

	(void)state;
	host_lib(DEB "/libcuda.so.550.163.01", "libcuda.so.1");
	host_lib("/opt/driver/lib/libcuda.so.570.133.20", "libcuda.so.1");
	assert_int_equal(nvb_inventory_load(&options, &inventory, NULL), 0);
	assert_string_equal(inventory->driver.version, "570.133.20");
	nvb_inventory_free(inventory);
	inventory = NULL;
	wrong.library_path = relative;
	assert_int_equal(nvb_inventory_load(&wrong, &inventory, NULL), -NVB_ERR_INVALID);
	assert_null(inventory);
}

/* What lies there is not what its name says, leads out of the root, or never ends. */
static void hostile_files(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	host_lib(DEB "/libcuda.so.550.163.01", "libcuda.so.1");
	host_text(DEB "/libnvidia-ml.so.550.163.01", "this is no ELF file");
	host_elf(DEB "/libnvidia-cfg.so.550.163.01", SIM_ELF_AARCH64, "libnvidia-cfg.so.1");
	assert_int_equal(mkfifoat(scratch.fd, &(DEB "/libnvidia-tls.so.550.163.01")[1], 0600), 0);
	host_link(DEB "/libnvidia-glsi.so.1", "../../../../../../../../etc/passwd");
	host_link(DEB "/libnvidia-fbc.so.1", "libnvidia-fbc.so");
	host_link(DEB "/libnvidia-fbc.so", "libnvidia-fbc.so.1");
	host_lib(DEB "/libnvidia-encode.so.550.163.01", "..");
	host_text("/etc/ld.so.cache",
		"glibc-ld.so.cache1.1 and then nothing that makes sense at all, but long enough");
	host_link("/usr/share/vulkan/icd.d/nvidia_icd.json", "/etc/shadow");
	host_link("/usr/bin/nvidia-smi", "/proc/self/exe");
	assert_int_equal(mkfifoat(scratch.fd, "fifo", 0600), 0);
	host_link("/usr/share/nvidia/nvoptix.bin", "/fifo");
	inventory = host_load(NULL);
	assert_int_equal(inventory->file_count, 1);
	assert_non_null(host_file(inventory, DEB "/libcuda.so.550.163.01"));
	nvb_inventory_free(inventory);
}

/* A directory in /tmp that somebody else could have planted. */
static void mps_pipes_of_a_stranger(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	scratch_mkdir("tmp/nvidia-mps");
	inventory = host_load(NULL);
	assert_non_null(host_file(inventory, "/tmp/nvidia-mps"));
	nvb_inventory_free(inventory);
	if (geteuid() != 0)
		skip();
	assert_int_equal(fchownat(scratch.fd, "tmp/nvidia-mps", 4321, 4321, 0), 0);
	inventory = host_load(NULL);
	assert_null(host_file(inventory, "/tmp/nvidia-mps"));
	nvb_inventory_free(inventory);
}

static void nothing_at_all(void **state)
{
	struct nvb_inventory *inventory;
	struct nvb_gpu_info info = {.size = sizeof(info)};

	(void)state;
	inventory = host_load(NULL);
	assert_int_equal(inventory->driver.kind, NVB_DRIVER_NONE);
	assert_null(nvb_inventory_driver_version(inventory));
	assert_int_equal(nvb_inventory_gpu_count(inventory), 0);
	assert_int_equal(nvb_inventory_gpu(inventory, 0, &info, NULL), -NVB_ERR_NOT_FOUND);
	nvb_inventory_free(inventory);
}

/* What a package manager has half-way, and what an editor leaves, is no library. */
static void unfinished_files_are_left_out(void **state)
{
	static const char *const names[] = {"libnvidia-egl-gbm.so.1.1.1.dpkg-new",
		"libnvidia-egl-gbm.so.1.1.1~", "libnvidia-egl-gbm.so.1\n", "libnvidia-egl-gbm.so.1::x",
		"libcuda.so.550.54.15.dpkg-tmp"};
	struct nvb_inventory *inventory;
	char path[256];

	(void)state;
	host_module("550.54.15");
	host_lib("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1.1.1", "libnvidia-egl-gbm.so.1");
	for (size_t i = 0; i < NVB_ELEMENTS(names); i++) {
		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/%s", names[i]);
		host_lib(path, "libother.so.1");
	}
	inventory = host_load(NULL);
	assert_int_equal(inventory->file_count, 2);
	nvb_inventory_free(inventory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(unfinished_files_are_left_out),
		scratch_test(debian_alternatives),
		scratch_test(ubuntu_with_32_bit),
		scratch_test(fedora),
		scratch_test(arch),
		scratch_test(nixos),
		scratch_test(container_optimized_os),
		scratch_test(wsl2),
		scratch_test(the_module_decides_between_two_drivers),
		scratch_test(mismatch_and_compat),
		scratch_test(library_path_comes_first),
		scratch_test(hostile_files),
		scratch_test(mps_pipes_of_a_stranger),
		scratch_test(nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
