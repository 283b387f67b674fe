/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/layout.h"

#include <stddef.h>

#include "base/str.h"

/*
 * Sources: the file lists of NVIDIA's .run installer and Debian's nvidia-driver packages, RPM Fusion's
 * xorg-x11-drv-nvidia, Arch's nvidia-utils and lib32-nvidia-utils, nixpkgs' nvidia-x11 (hardware.graphics),
 * and a WSL2 guest with GPU support. The hash in a Nix store path or a Windows driver store is any one.
 */
#define NIX_STORE   "/nix/store/3v7ln2i0xdbqpwjw9bw6bb2g38wnrq4f-nvidia-x11"
#define NIX_STORE32 "/nix/store/9x0g1zyjsm4hdj0p5l4q2w8b2s8f6c7d-nvidia-x11-lib32"
#define WSL_STORE   "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_3f2a6b0c5d1e4f78"

const struct sim_layout sim_layouts[] = {
	{
		.name = "debian",
		.summary = "Debian and Ubuntu, libraries in the multiarch directories",
		.libraries = "/usr/lib/x86_64-linux-gnu",
		.libraries32 = "/usr/lib/i386-linux-gnu",
		.programs = "/usr/bin",
		.xorg = "/usr/lib/xorg/modules",
		.firmware = "/usr/lib/firmware",
		.share = "/usr/share",
		.etc = "/etc",
		.ld_conf = "/usr/local/lib\n/usr/local/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu\n"
			   "/usr/lib/x86_64-linux-gnu\n/lib/i386-linux-gnu\n/usr/lib/i386-linux-gnu\n",
		.os_release = "PRETTY_NAME=\"Ubuntu 24.04.2 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\n"
			      "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n",
	},
	{
		.name = "debian-alternatives",
		.summary = "Debian's packages: libraries in nvidia/current, links through /etc/alternatives",
		.libraries = "/usr/lib/x86_64-linux-gnu",
		.store = "/usr/lib/x86_64-linux-gnu/nvidia/current",
		.libraries32 = "/usr/lib/i386-linux-gnu",
		.store32 = "/usr/lib/i386-linux-gnu/nvidia/current",
		.alternatives = true,
		.programs = "/usr/bin",
		.xorg = "/usr/lib/xorg/modules",
		.firmware = "/usr/lib/firmware",
		.share = "/usr/share",
		.etc = "/etc",
		.ld_conf = "/usr/local/lib\n/usr/local/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu\n"
			   "/usr/lib/x86_64-linux-gnu\n/lib/i386-linux-gnu\n/usr/lib/i386-linux-gnu\n",
		.os_release = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n"
			      "VERSION_ID=\"12\"\nVERSION=\"12 "
			      "(bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n",
	},
	{
		.name = "fedora",
		.summary = "Fedora, RHEL and SUSE: lib64, and lib for 32 bits",
		.libraries = "/usr/lib64",
		.libraries32 = "/usr/lib",
		.programs = "/usr/bin",
		.xorg = "/usr/lib64/xorg/modules",
		.firmware = "/usr/lib/firmware",
		.share = "/usr/share",
		.etc = "/etc",
		.ld_conf = "/usr/lib64\n/usr/lib\n",
		.os_release = "NAME=\"Fedora Linux\"\nVERSION=\"41 (Workstation Edition)\"\nID=fedora\n"
			      "VERSION_ID=41\nPRETTY_NAME=\"Fedora Linux 41 (Workstation Edition)\"\n",
	},
	{
		.name = "arch",
		.summary = "Arch: lib, and lib32 for 32 bits",
		.libraries = "/usr/lib",
		.libraries32 = "/usr/lib32",
		.programs = "/usr/bin",
		.xorg = "/usr/lib/xorg/modules",
		.firmware = "/usr/lib/firmware",
		.share = "/usr/share",
		.etc = "/etc",
		.ld_conf = "/usr/lib\n/usr/lib32\n",
		.os_release = "NAME=\"Arch Linux\"\nPRETTY_NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n",
	},
	{
		.name = "nixos",
		.summary = "NixOS: links in /run/opengl-driver, files in the store, no ld.so.cache",
		.libraries = "/run/opengl-driver/lib",
		.store = NIX_STORE "/lib",
		.libraries32 = "/run/opengl-driver-32/lib",
		.store32 = NIX_STORE32 "/lib",
		.programs = "/run/current-system/sw/bin",
		.xorg = NIX_STORE "/lib/xorg/modules",
		.firmware = "/run/current-system/firmware",
		.share = "/run/opengl-driver/share",
		.etc = "/run/opengl-driver/etc",
		.os_release = "NAME=NixOS\nID=nixos\nVERSION=\"24.11 (Vicuna)\"\nVERSION_ID=\"24.11\"\n"
			      "PRETTY_NAME=\"NixOS 24.11 (Vicuna)\"\n",
	},
	{
		.name = "wsl2",
		.summary = "a WSL2 guest: libraries from the Windows driver store",
		.libraries = "/usr/lib/wsl/lib",
		.store = WSL_STORE,
		.programs = "/usr/lib/wsl/lib",
		.share = "/usr/share",
		.etc = "/etc",
		.ld_conf = "/usr/lib/wsl/lib\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n",
		.os_release = "PRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\n"
			      "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\n",
	},
	{NULL},
};

const struct sim_layout *sim_layout_find(const char *name)
{
	for (const struct sim_layout *l = sim_layouts; l->name; l++)
		if (nvb_streq(l->name, name))
			return l;
	return NULL;
}
