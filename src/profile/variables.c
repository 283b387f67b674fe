/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "profile/fields.h"

/*
 * THE table of variables that a program is known to read. Sources: the README of NVIDIA's Linux driver,
 * "Specifying OpenGL Environment Variable Settings" and "PRIME Render Offload"; CUDA Programming Guide, "CUDA
 * Environment Variables"; the READMEs of Proton, DXVK, dxvk-nvapi and vkd3d-proton; PyTorch's "CUDA
 * semantics"; TensorFlow's guide "Use a GPU"; JAX's "GPU memory allocation"; cuBLAS' "Results
 * Reproducibility".
 */
const struct nvb_variable nvb_variables[] = {
	{"__GL_MaxFramesAllowed", "the driver's OpenGL", "how many frames it queues",
		"Vulkan does not read it"},
	{"__GL_SYNC_TO_VBLANK", "the driver's OpenGL", "whether it waits for the screen",
		"games and compositors may still wait; Vulkan does not read it"},
	{"__GL_SHADER_DISK_CACHE", "the driver", "whether compiled shaders are kept", NULL},
	{"__GL_SHADER_DISK_CACHE_PATH", "the driver", "where they are kept", NULL},
	{"__GL_SHADER_DISK_CACHE_SIZE", "the driver", "how large they may grow", NULL},
	{"__GL_SHADER_DISK_CACHE_SKIP_CLEANUP", "the driver", "large caches are kept whole", NULL},
	{"__NV_PRIME_RENDER_OFFLOAD", "the driver", "renders here what another GPU shows",
		"harms where there is one GPU alone: [driver] prime = true looks first"},
	{"__GLX_VENDOR_LIBRARY_NAME", "GLVND", "whose OpenGL is used on X11", NULL},
	{"__VK_LAYER_NV_optimus", "NVIDIA's Vulkan layer", "which GPUs Vulkan shows first", NULL},
	{"PROTON_FORCE_NVAPI", "Proton", "NVAPI also where Proton would not", NULL},
	{"PROTON_DISABLE_NVAPI", "Proton", "no NVAPI, so neither DLSS nor Reflex", NULL},
	{"PROTON_ENABLE_NVAPI", "Proton 8", "NVAPI for games", "later ones do by themselves"},
	{"PROTON_HIDE_NVIDIA_GPU", "Proton", "whether games see whose GPU it is", NULL},
	{"DXVK_ENABLE_NVAPI", "DXVK", "games in plain Wine see an NVIDIA GPU", NULL},
	{"DXVK_NVAPI_VKREFLEX", "dxvk-nvapi", "Reflex by its Vulkan layer", "a game must offer Reflex"},
	{"DXVK_STATE_CACHE_PATH", "DXVK before 2.7", "where it keeps pipeline states", NULL},
	{"VKD3D_CONFIG", "vkd3d-proton", "\"nodxr\" offers games no ray tracing", NULL},
	{"VKD3D_SHADER_CACHE_PATH", "vkd3d-proton", "where it keeps pipelines", NULL},
	{"WINEESYNC", "patched Wine", "synchronisation by eventfd", "plain Wine does not read it"},
	{"WINEFSYNC", "patched Wine", "synchronisation by futex", "plain Wine does not read it"},
	{"CUDA_DEVICE_ORDER", "CUDA", "how CUDA counts GPUs", NULL},
	{"CUDA_VISIBLE_DEVICES", "CUDA", "which of the container's GPUs CUDA shows", NULL},
	{"CUDA_CACHE_PATH", "CUDA", "where compiled kernels are kept", NULL},
	{"CUDA_CACHE_MAXSIZE", "CUDA", "how large they may grow", "4 GiB at most"},
	{"CUDA_CACHE_DISABLE", "CUDA", "keeps none", NULL},
	{"CUDA_MODULE_LOADING", "CUDA", "LAZY loads kernels when they are used",
		"the default since CUDA 12.2"},
	{"CUDA_LAUNCH_BLOCKING", "CUDA", "1 waits for every kernel, to find what fails", "slow"},
	{"CUDA_DEVICE_MAX_CONNECTIONS", "CUDA", "hardware queues for streams", NULL},
	{"NVIDIA_TF32_OVERRIDE", "cuBLAS, cuDNN and other libraries of CUDA", "0 keeps them from TF32",
		"only takes away: 1 does not switch it on"},
	{"PYTORCH_ALLOC_CONF", "PyTorch 2.9 and later", "how its allocator takes GPU memory", NULL},
	{"PYTORCH_CUDA_ALLOC_CONF", "PyTorch", "how its allocator takes GPU memory",
		"the old name, read as well"},
	{"TF_GPU_ALLOCATOR", "TensorFlow", "cuda_malloc_async: the driver's pool", NULL},
	{"TF_FORCE_GPU_ALLOW_GROWTH", "TensorFlow", "takes GPU memory as it is needed", NULL},
	{"XLA_PYTHON_CLIENT_PREALLOCATE", "JAX", "false takes GPU memory as it is needed", NULL},
	{"XLA_PYTHON_CLIENT_ALLOCATOR", "JAX", "platform or cuda_async: how it takes GPU memory", NULL},
	{"CUBLAS_WORKSPACE_CONFIG", "cuBLAS", "sizes of its workspaces; needed for equal results", NULL},
	{"NCCL_DEBUG", "NCCL", "what it says about itself", NULL},
	{"OMP_NUM_THREADS", "OpenMP, PyTorch", "threads on the CPUs", NULL},
	{"DISPLAY", "Xlib, XCB", "which X server", "[session] display gives the socket, too"},
	{"SDL_VIDEODRIVER", "SDL", "X11 or Wayland", NULL},
};
const size_t nvb_variable_count = NVB_ELEMENTS(nvb_variables);

/* Names that are written in guides and read by nothing. */
static const struct {
	const char *beginning, *why;
} invented[] = {
	{"NVIDIA_DLSS", "no program reads it: [driver] dlss gives or takes what DLSS needs"},
	{"NVIDIA_RT", "no program reads it: [driver] ray-tracing gives or takes what ray tracing needs"},
	{"NVIDIA_VRS", "no program reads it: a game decides on variable rate shading itself"},
	{"NVIDIA_REFLEX", "no program reads it: DXVK_NVAPI_VKREFLEX lets games of Proton use Reflex"},
	{"NVIDIA_TENSOR_CORES", "no program reads it: NVIDIA_TF32_OVERRIDE=0 keeps libraries from TF32"},
	{"NVIDIA_POWER", "no program reads it: [knobs] power-limit sets it"},
	{"BOLT_GPU_", "no program reads it"},
	{"BOLT_GAMING_", "no program reads it"},
	{"GPU_OPTIMIZATION", "no program reads it"},
};

const struct nvb_variable *nvb_variable_find(const char *name)
{
	for (size_t i = 0; i < nvb_variable_count; i++)
		if (nvb_streq(nvb_variables[i].name, name))
			return &nvb_variables[i];
	return NULL;
}

const char *nvb_variable_nearest(const char *name)
{
	const char *names[NVB_ELEMENTS(nvb_variables)];

	for (size_t i = 0; i < nvb_variable_count; i++)
		names[i] = nvb_variables[i].name;
	return nvb_nearest(name, names, nvb_variable_count);
}

const char *nvb_variable_invented(const char *name)
{
	for (size_t i = 0; i < NVB_ELEMENTS(invented); i++)
		if (nvb_after(name, invented[i].beginning))
			return invented[i].why;
	return NULL;
}
