/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/str.h"
#include "plan/planner.h"

/*
 * WSL2: the screen and the sound are WSLg's, which every distribution finds at the same places, and what
 * draws is Mesa with Direct3D 12, since Windows' driver brings CUDA and no OpenGL or Vulkan to Linux.
 * Sources: WSLg's samples/container/Containers.md; Mesa's "Environment Variables" and "D3D12" pages.
 */
#define WSLG "/mnt/wslg"

/* Binds a socket below the driver root, where it is: *found is set. */
static int bind_socket(struct planner *planner, const struct nvb_setting *setting, const char *path,
	const char *container, const char *reason, bool *found)
{
	const struct nvb_root *root = &planner->inventory->roots.driver;
	_cleanup_free_ char *host = NULL;
	struct stat st;

	*found = nvb_root_stat(root, path, true, &st) == 0 && S_ISSOCK(st.st_mode);
	if (!*found)
		return 0;
	host = nvb_root_host_path(root, path);
	if (!host)
		return nvb_fail_oom(planner->err);
	return nvb_planner_bind(planner, setting, host, container, NVB_FILE_SOCKET, reason);
}

static int add_display(struct planner *planner, const struct nvb_setting *setting, bool *any)
{
	bool x11, wayland;
	int rc = bind_socket(planner, setting, WSLG "/.X11-unix/X0", "/tmp/.X11-unix/X0",
		"socket of WSLg's X server", &x11);

	if (rc == 0 && x11)
		rc = nvb_planner_variable(planner, setting, "DISPLAY", ":0", "WSLg's X server");
	if (rc == 0)
		rc = bind_socket(planner, setting, WSLG "/runtime-dir/wayland-0",
			WSLG "/runtime-dir/wayland-0", "socket of WSLg's Wayland compositor", &wayland);
	if (rc == 0 && wayland)
		rc = nvb_planner_variable(
			planner, setting, "WAYLAND_DISPLAY", "wayland-0", "WSLg's compositor");
	if (rc == 0 && wayland)
		rc = nvb_planner_variable(planner, setting, "XDG_RUNTIME_DIR", WSLG "/runtime-dir",
			"where programs look for WSLg's sockets");
	/* Made by the kernel's vgem, of no GPU's own: Mesa shares buffers with the compositor through it. */
	if (rc == 0)
		rc = nvb_planner_setting_device(
			planner, setting, "/dev/dri/renderD128", "buffers shared with WSLg's compositor");
	*any = rc == 0 && (x11 || wayland);
	return rc;
}

static int add_audio(struct planner *planner, const struct nvb_setting *setting, bool *any)
{
	int rc = bind_socket(planner, setting, WSLG "/PulseServer", WSLG "/PulseServer",
		"socket of WSLg's PulseAudio", any);

	if (rc == 0 && *any)
		rc = nvb_planner_variable(planner, setting, "PULSE_SERVER", "unix:" WSLG "/PulseServer",
			"which server libpulse uses");
	return rc;
}

int nvb_planner_wslg(struct planner *planner, const struct nvb_setting *setting)
{
	bool any = false;
	int rc;

	if (nvb_streq(setting->name, "input"))
		return nvb_planner_note(planner,
			"profile %s: input is left out: WSLg's keyboard and mouse come with its display, and "
			"Windows hands no controllers to WSL2 by itself",
			setting->profile);
	rc = nvb_streq(setting->name, "display") ? add_display(planner, setting, &any)
						 : add_audio(planner, setting, &any);
	if (rc == 0 && !any)
		rc = nvb_planner_note(planner, "profile %s: %s is left out: WSLg has no socket below " WSLG,
			setting->profile, setting->name);
	return rc;
}

int nvb_planner_mesa(struct planner *planner)
{
	static const struct {
		unsigned capabilities;
		const char *name, *value, *reason;
	} variables[] = {
		{NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY, "GALLIUM_DRIVER", "d3d12",
			"Mesa of the image draws with Direct3D 12 instead of the processor"},
		{NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY, "MESA_D3D12_DEFAULT_ADAPTER_NAME", "NVIDIA",
			"Mesa takes NVIDIA's of several adapters"},
		{NVB_CAP_VIDEO, "LIBVA_DRIVER_NAME", "d3d12", "VA-API of the image decodes with Direct3D 12"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(variables); i++) {
		struct nvb_edit *edit;

		if (!(planner->plan->capabilities & variables[i].capabilities))
			continue;
		edit = nvb_plan_add(planner->plan, NVB_EDIT_ENV, NVB_SCOPE_COMMON);
		if (!edit)
			return nvb_fail_oom(planner->err);
		edit->rule = "wsl.mesa";
		edit->reason = variables[i].reason;
		edit->env.name = variables[i].name;
		edit->env.value = variables[i].value;
	}
	return 0;
}
