/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/keys.h"

#include <string.h>

#include "base/str.h"

/*
 * Every key of a Boltfile, in the order in which the file is printed again. The layout is that of Bolt
 * (https://github.com/CK-Technology/bolt, src/config/mod.rs and its examples), where the meaning is compose's
 * the word is compose's (https://compose-spec.io).
 */

static const struct nvb_choice isolations[] = {{"shared", 0}, {"exclusive", 1}, {"virtual", 2}, {NULL, 0}};
static const struct nvb_choice drivers[] = {{"auto", 0}, {"nvidia-open", 1}, {"nvidia-proprietary", 2},
	{"proprietary", 2}, {"nouveau", 3}, {NULL, 0}};
static const struct nvb_choice gpu_runtimes[] = {{"nvbind", 0}, {NULL, 0}};
static const struct nvb_choice pulls[] = {
	{"missing", 0}, {"if_not_present", 0}, {"always", 1}, {"never", 2}, {NULL, 0}};
static const struct nvb_choice accelerations[] = {{"dxcore", 0}, {NULL, 0}};
static const struct nvb_choice power_profiles[] = {
	{"maximum", 0}, {"balanced", 1}, {"efficiency", 2}, {"default", 3}, {NULL, 0}};
static const struct nvb_choice audio_systems[] = {{"pipewire", 0}, {"pulseaudio", 1}, {"none", 2}, {NULL, 0}};
const struct nvb_choice nvb_boltfile_performance_modes[] = {
	{"balanced", 0}, {"high", 1}, {"ultra", 2}, {"efficient", 3}, {NULL, 0}};
const struct nvb_choice nvb_boltfile_conditions[] = {{"started", 0}, {"service_started", 0}, {"healthy", 1},
	{"service_healthy", 1}, {"completed", 2}, {"service_completed_successfully", 2}, {NULL, 0}};

#define IN_FILE(field)	  offsetof(struct nvb_boltfile, field)
#define IN_SERVICE(field) offsetof(struct nvb_service, field)
#define IN_PART(field)	  offsetof(struct nvb_boltfile_part, field)

#define ROW(path, type, offset, help)                            \
	{                                                        \
		path, type, offset, help, NULL, NULL, 0, 0, NULL \
	}
#define CHOICE(path, choices, offset, help)                               \
	{                                                                 \
		path, KEY_CHOICE, offset, help, NULL, choices, 0, 0, NULL \
	}
#define INTEGER(path, min, max, offset, help)                               \
	{                                                                   \
		path, KEY_INTEGER, offset, help, NULL, NULL, min, max, NULL \
	}
#define WITHOUT(path, why)                                     \
	{                                                      \
		path, KEY_NONE, 0, NULL, why, NULL, 0, 0, NULL \
	}
#define SAME(path, other)                                        \
	{                                                        \
		path, KEY_SAME, 0, NULL, NULL, NULL, 0, 0, other \
	}
#define EACH(path, help)                                        \
	{                                                       \
		path, KEY_EACH, 0, help, NULL, NULL, 0, 0, NULL \
	}

#define KERNELS	  "capsules share the host's kernel and its limits; set it there"
#define NO_LINKS  "services find each other by their networks"
#define IDENTITY  "a program asks for credentials itself; hand them over in 'environment'"
#define OVERCLOCK "clocks are not moved beyond what the GPU's maker set"
#define AMD	  "nvbind gives NVIDIA's GPUs alone"

const struct boltfile_key nvb_boltfile_table[] = {
	ROW("project", KEY_NAME, IN_FILE(project), "name of the project; that of the directory without it"),
	ROW("project.name", KEY_NAME, IN_FILE(project), "the same"),
	WITHOUT("project.version", "nothing depends on it"),
	WITHOUT("project.description", "nothing depends on it"),
	WITHOUT("version", "there is one format"),
	WITHOUT("metadata", "nothing depends on it"),

	EACH("services", "the services; each becomes the capsule PROJECT-SERVICE"),
	ROW("services.*.capsule", KEY_IMAGE, IN_SERVICE(image), "the image to run"),
	ROW("services.*.image", KEY_IMAGE, IN_SERVICE(image), "the same"),
	WITHOUT("services.*.build", "bolt builds no images; build it and name it in 'image'"),
	WITHOUT("services.*.platform", "an image runs on the host's own platform"),
	ROW("services.*.container_name", KEY_NAME, IN_SERVICE(container_name),
		"the capsule's name instead of PROJECT-SERVICE"),
	ROW("services.*.command", KEY_WORDS, IN_SERVICE(command), "arguments instead of the image's"),
	ROW("services.*.entrypoint", KEY_WORDS, IN_SERVICE(entrypoint), "program instead of the image's"),
	ROW("services.*.environment", KEY_PAIRS, IN_SERVICE(environment),
		"variables; NAME alone hands on the caller's"),
	ROW("services.*.env", KEY_PAIRS, IN_SERVICE(environment), "the same"),
	ROW("services.*.env_file", KEY_PATHS, IN_SERVICE(env_file),
		"files of NAME=VALUE lines; 'environment' wins over them"),
	ROW("services.*.working_dir", KEY_DIRECTORY, IN_SERVICE(working_dir), "directory to start in"),
	ROW("services.*.user", KEY_TEXT, IN_SERVICE(user), "USER[:GROUP], by name or number"),
	ROW("services.*.hostname", KEY_TEXT, IN_SERVICE(hostname), "what the capsule calls itself"),
	ROW("services.*.depends_on", KEY_DEPENDS, IN_SERVICE(depends_on),
		"services that come first, by name, or NAME = { condition = \"started\", \"healthy\" or "
		"\"completed\" }"),
	ROW("services.*.restart", KEY_TEXT, IN_SERVICE(restart),
		"no, always, on-failure[:TIMES] or unless-stopped"),
	CHOICE("services.*.pull", pulls, IN_SERVICE(pull),
		"when to pull the image: missing, always or never"),
	ROW("services.*.stop_signal", KEY_TEXT, IN_SERVICE(stop_signal), "what asks the program to end"),
	ROW("services.*.stop_grace_period", KEY_DURATION, IN_SERVICE(stop_grace_period),
		"how long it may take until it is killed (10s)"),
	INTEGER("services.*.replicas", 0, 1000, IN_SERVICE(replicas),
		"how many capsules of it; from 2 on they are PROJECT-SERVICE-NUMBER"),

	ROW("services.*.ports", KEY_PORTS, IN_SERVICE(ports),
		"[ADDRESS:]HOST:CAPSULE[/udp], ranges too; one number is both"),
	WITHOUT("services.*.expose", "services on one network reach every port of each other"),
	ROW("services.*.networks", KEY_NAMES, IN_SERVICE(networks), "networks of the file to be on"),
	ROW("services.*.network_mode", KEY_TEXT, IN_SERVICE(network_mode), "host, none or bridge"),
	WITHOUT("services.*.links", NO_LINKS),
	WITHOUT("services.*.dns", "names are looked up as the host does"),
	WITHOUT("services.*.dns_search", "names are looked up as the host does"),
	ROW("services.*.extra_hosts", KEY_LIST, IN_SERVICE(extra_hosts), "NAME:ADDRESS for /etc/hosts"),

	ROW("services.*.volumes", KEY_VOLUMES, IN_SERVICE(volumes),
		"SOURCE:TARGET[:ro], the source a path or a volume of the file"),
	ROW("services.*.tmpfs", KEY_FILES, IN_SERVICE(tmpfs), "TARGET[:OPTIONS]"),
	ROW("services.*.shm_size", KEY_SIZE, IN_SERVICE(shm_size), "size of /dev/shm (64m)"),
	WITHOUT("services.*.volumes_from", "name the same volumes in both services"),
	WITHOUT("services.*.storage", "a capsule's files may grow as large as the file system has room"),

	ROW("services.*.labels", KEY_PAIRS, IN_SERVICE(labels), "labels of the capsule"),
	ROW("services.*.annotations", KEY_PAIRS, IN_SERVICE(annotations), "annotations for the OCI runtime"),
	ROW("services.*.devices", KEY_LIST, IN_SERVICE(devices),
		"devices of the host, HOST[:INSIDE][:rwm], or CDI names"),
	ROW("services.*.privileged", KEY_FLAG, IN_SERVICE(privileged), "no sandbox"),
	ROW("services.*.read_only", KEY_FLAG, IN_SERVICE(read_only), "a root file system that is read-only"),
	ROW("services.*.cap_add", KEY_LIST, IN_SERVICE(cap_add), "capabilities more than docker's"),
	ROW("services.*.cap_drop", KEY_LIST, IN_SERVICE(cap_drop), "capabilities less"),
	ROW("services.*.security_opt", KEY_LIST, IN_SERVICE(security_opt),
		"as of bolt surge run --security-opt"),
	ROW("services.*.ulimits", KEY_LIMITS, IN_SERVICE(ulimits),
		"NAME=SOFT[:HARD], or a table of numbers or { soft, hard }"),
	ROW("services.*.stdin_open", KEY_FLAG, IN_SERVICE(interactive), "keep standard input open"),
	ROW("services.*.tty", KEY_FLAG, IN_SERVICE(terminal), "give the program a terminal"),
	WITHOUT("services.*.sysctls", KERNELS),
	WITHOUT("services.*.pid", "a capsule has processes of its own alone"),
	WITHOUT("services.*.ipc", "a capsule has shared memory of its own alone"),
	WITHOUT("services.*.group_add", "the groups are those that the image gives the user"),
	WITHOUT("services.*.init", "the program is the capsule's first process"),
	WITHOUT("services.*.auth", IDENTITY),

	ROW("services.*.healthcheck.test", KEY_TEST, IN_SERVICE(health.test),
		"[\"CMD\", PROGRAM...], [\"CMD-SHELL\", LINE], [\"NONE\"], or a line for the shell"),
	ROW("services.*.healthcheck.interval", KEY_DURATION, IN_SERVICE(health.interval),
		"time between checks (30s)"),
	ROW("services.*.healthcheck.timeout", KEY_DURATION, IN_SERVICE(health.timeout),
		"longest that one may take (30s)"),
	INTEGER("services.*.healthcheck.retries", 1, 1000, IN_SERVICE(health.retries),
		"failures in a row that make it unhealthy (3)"),
	ROW("services.*.healthcheck.start_period", KEY_DURATION, IN_SERVICE(health.start_period),
		"time at first in which failures do not count (0s)"),
	ROW("services.*.healthcheck.start_interval", KEY_DURATION, IN_SERVICE(health.start_interval),
		"time between checks within it (5s)"),
	ROW("services.*.healthcheck.disable", KEY_FLAG, IN_SERVICE(health.disable),
		"no check, not even the image's"),

	WITHOUT("services.*.logging.driver", "logs are kept in files of bolt's own (bolt surge logs)"),
	ROW("services.*.logging.options.max-size", KEY_SIZE, IN_SERVICE(log_max_size),
		"size of a log file until the next one is begun"),
	INTEGER("services.*.logging.options.max-file", 1, 1000, IN_SERVICE(log_max_file),
		"how many of them are kept"),

	ROW("services.*.resources.cpus", KEY_NUMBER, IN_SERVICE(cpus), "processors it may use, 1.5 say"),
	ROW("services.*.resources.memory", KEY_SIZE, IN_SERVICE(memory), "main memory it may use"),
	INTEGER("services.*.resources.pids", 1, 4194304, IN_SERVICE(pids), "processes it may have"),
	ROW("services.*.cpu_limit", KEY_NUMBER, IN_SERVICE(cpus), "the same as resources.cpus"),
	ROW("services.*.memory_limit", KEY_SIZE, IN_SERVICE(memory), "the same as resources.memory"),

	CHOICE("services.*.gpu.runtime", gpu_runtimes, IN_SERVICE(gpu.runtime), "who gives the GPUs: nvbind"),
	CHOICE("services.*.gpu.driver", drivers, IN_SERVICE(gpu.driver),
		"the kind of driver that the host must have; auto: any"),
	ROW("services.*.gpu.devices", KEY_DEVICES, IN_SERVICE(gpu.devices),
		"GPUs: gpu:0, gpu:all, an UUID, a MIG device (0:1), a CDI name; all without it"),
	CHOICE("services.*.gpu.isolation", isolations, IN_SERVICE(gpu.isolation),
		"shared, exclusive, or virtual: a part of a GPU"),
	CHOICE("services.*.gpu.isolation_level", isolations, IN_SERVICE(gpu.isolation), "the same"),
	ROW("services.*.gpu.capabilities", KEY_LIST, IN_SERVICE(gpu.capabilities),
		"what the driver is for: compute, utility, graphics, video, display, ngx, compat32, all"),
	ROW("services.*.gpu.profiles", KEY_LIST, IN_SERVICE(gpu.profiles),
		"profiles by name (nvbind profile list)"),
	ROW("services.*.gpu.wsl2_optimized", KEY_FLAG, IN_SERVICE(gpu.wsl2_optimized),
		"WSLg's display and sound, Mesa's Direct3D 12, on a host that is WSL2"),
	CHOICE("services.*.gpu.performance_mode", nvb_boltfile_performance_modes,
		IN_SERVICE(gpu.performance_mode), "as runtime.nvbind.performance_mode, for this service"),
	ROW("services.*.gpu.preload_libraries", KEY_FLAG, IN_SERVICE(gpu.preload_libraries),
		"as runtime.nvbind.preload_libraries, for this service"),
	WITHOUT("services.*.gpu.passthrough", "a GPU is given as it is, always"),
	ROW("services.*.gpu.gaming.profile", KEY_TEXT, IN_SERVICE(gpu.gaming.profile),
		"ultra-low-latency (competitive), performance (aaa), balanced, efficiency, or a profile's "
		"name"),
	ROW("services.*.gpu.gaming.performance_profile", KEY_TEXT, IN_SERVICE(gpu.gaming.profile),
		"the same"),
	ROW("services.*.gpu.gaming.dlss_enabled", KEY_FLAG, IN_SERVICE(gpu.gaming.dlss),
		"false: DLSS cannot be had; true: games find what they need for it"),
	ROW("services.*.gpu.gaming.rt_cores_enabled", KEY_FLAG, IN_SERVICE(gpu.gaming.rt_cores),
		"false: Direct3D 12 games are offered no ray tracing"),
	ROW("services.*.gpu.gaming.wine_optimizations", KEY_FLAG, IN_SERVICE(gpu.gaming.wine),
		"true: what Proton and Wine read to find the GPU's features"),
	WITHOUT("services.*.gpu.gaming.vrs_enabled", "a game decides on variable rate shading itself"),
	CHOICE("services.*.gpu.gaming.power_profile", power_profiles, IN_SERVICE(gpu.gaming.power_profile),
		"power limit and clocks while it runs"),
	ROW("services.*.gpu.aiml.profile", KEY_TEXT, IN_SERVICE(gpu.aiml.profile),
		"training, inference, development, or a profile's name"),
	ROW("services.*.gpu.aiml.mig_enabled", KEY_FLAG, IN_SERVICE(gpu.aiml.mig),
		"true: the part of a GPU must be a MIG instance"),
	ROW("services.*.gpu.aiml.tensor_cores_enabled", KEY_FLAG, IN_SERVICE(gpu.aiml.tensor_cores),
		"false: NVIDIA_TF32_OVERRIDE=0"),
	ROW("services.*.gpu.aiml.memory_pool_enabled", KEY_FLAG, IN_SERVICE(gpu.aiml.memory_pool_enabled),
		"the memory pools of the frameworks' allocators, on or off"),
	WITHOUT("services.*.gpu.aiml.memory_pool_size",
		"the frameworks take no size for their pools; gpu.capsule.memory_limit bounds all of it"),
	WITHOUT("services.*.gpu.aiml.mixed_precision", "the program chooses its precision itself"),
	INTEGER("services.*.gpu.aiml.cuda_cache_size", 1, 4096, IN_SERVICE(gpu.aiml.cuda_cache),
		"MiB of compiled kernels to keep: CUDA_CACHE_MAXSIZE"),
	ROW("services.*.gpu.capsule.snapshot_gpu_state", KEY_FLAG, IN_SERVICE(gpu.snapshot_gpu_state),
		"a snapshot of the capsule holds the GPU's state"),
	ROW("services.*.gpu.capsule.memory_limit", KEY_LIMIT, IN_SERVICE(gpu.memory_limit),
		"the GPU's memory it may use, 8GB (10^9 bytes) or 8GiB (2^30)"),
	ROW("services.*.gpu.capsule.compute_limit", KEY_PERCENT, IN_SERVICE(gpu.compute_limit),
		"the part of the GPU's processors it may use, 80%"),
	ROW("services.*.gpu.memory_limit", KEY_LIMIT, IN_SERVICE(gpu.memory_limit),
		"the same as gpu.capsule.memory_limit"),
	WITHOUT("services.*.gpu.cdi", "bolt gives GPUs without a CDI spec; name CDI devices in 'devices'"),
	WITHOUT("services.*.gpu.hpc", "no setting of the driver has such an effect"),
	ROW("services.*.gpu.nvidia.device", KEY_DEVICES, IN_SERVICE(gpu.devices), "the same as gpu.devices"),
	ROW("services.*.gpu.nvidia.dlss", KEY_FLAG, IN_SERVICE(gpu.gaming.dlss),
		"the same as gpu.gaming.dlss_enabled"),
	ROW("services.*.gpu.nvidia.raytracing", KEY_FLAG, IN_SERVICE(gpu.gaming.rt_cores),
		"the same as gpu.gaming.rt_cores_enabled"),
	ROW("services.*.gpu.nvidia.reflex", KEY_FLAG, IN_SERVICE(gpu.gaming.reflex),
		"games may use Reflex: DXVK_NVAPI_VKREFLEX"),
	WITHOUT("services.*.gpu.nvidia.cuda", "what the driver is for stands in gpu.capabilities"),
	WITHOUT("services.*.gpu.nvidia.power_limit",
		"gpu.gaming.power_profile sets it, within what the GPU allows"),
	WITHOUT("services.*.gpu.nvidia.memory_clock_offset", OVERCLOCK),
	WITHOUT("services.*.gpu.nvidia.core_clock_offset", OVERCLOCK),
	WITHOUT("services.*.gpu.amd", AMD),
	SAME("services.*.gpu.nvbind", "services.*.gpu"),

	SAME("services.*.gaming.gpu", "services.*.gpu"),
	WITHOUT("services.*.gaming.enabled", "the tables below say what is wanted"),
	WITHOUT("services.*.gaming.gpu_passthrough", "a table 'gpu' asks for GPUs"),
	WITHOUT("services.*.gaming.nvidia_runtime", "nvbind gives the GPUs"),
	WITHOUT("services.*.gaming.amd_runtime", AMD),
	WITHOUT("services.*.gaming.audio_passthrough", "gaming.audio.system says which"),
	WITHOUT("services.*.gaming.real_time_priority", "capsules get no real-time priority"),
	ROW("services.*.gaming.wine_prefix", KEY_DIRECTORY, IN_SERVICE(game.wine_prefix), "WINEPREFIX"),
	WITHOUT("services.*.gaming.proton_version", "the image holds Proton, or Steam fetches it"),
	WITHOUT("services.*.gaming.dxvk_enabled", "the image's Wine or Proton holds DXVK or does not"),
	ROW("services.*.gaming.esync_enabled", KEY_FLAG, IN_SERVICE(game.esync),
		"WINEESYNC, and PROTON_NO_ESYNC for false"),
	ROW("services.*.gaming.fsync_enabled", KEY_FLAG, IN_SERVICE(game.fsync),
		"WINEFSYNC, and PROTON_NO_FSYNC for false"),
	ROW("services.*.gaming.performance_profile", KEY_TEXT, IN_SERVICE(gpu.gaming.profile),
		"the same as gpu.gaming.profile"),
	WITHOUT("services.*.gaming.input_devices", "name them in 'devices'"),
	WITHOUT("services.*.gaming.display_driver",
		"the profile gives the display's sockets, whichever there are"),
	WITHOUT("services.*.gaming.resolution", "the game and the compositor decide on it"),
	WITHOUT("services.*.gaming.refresh_rate", "the game and the compositor decide on it"),
	ROW("services.*.gaming.vsync", KEY_FLAG, IN_SERVICE(game.vsync), "__GL_SYNC_TO_VBLANK"),
	CHOICE("services.*.gaming.audio.system", audio_systems, IN_SERVICE(game.audio),
		"whose socket the capsule gets"),
	WITHOUT("services.*.gaming.audio.latency", "the sound server decides on it"),
	WITHOUT("services.*.gaming.wine.version", "the image holds Wine"),
	WITHOUT("services.*.gaming.wine.proton", "the image holds Proton, or Steam fetches it"),
	WITHOUT("services.*.gaming.wine.winver", "winecfg sets it within the prefix"),
	ROW("services.*.gaming.wine.prefix", KEY_DIRECTORY, IN_SERVICE(game.wine_prefix), "WINEPREFIX"),
	WITHOUT("services.*.gaming.performance.cpu_governor",
		"it is the whole host's; runtime.nvbind.performance_mode sets it"),
	INTEGER("services.*.gaming.performance.nice_level", -20, 19, IN_SERVICE(game.nice),
		"the scheduler's nice value of its processes"),
	WITHOUT("services.*.gaming.performance.rt_priority", "capsules get no real-time priority"),

	CHOICE("runtime.nvbind.performance_mode", nvb_boltfile_performance_modes,
		IN_FILE(runtime.performance_mode), "low-latency settings of the host while the services run"),
	ROW("runtime.nvbind.preload_libraries", KEY_FLAG, IN_FILE(runtime.preload_libraries),
		"read the driver's libraries into memory before the first start"),
	ROW("runtime.nvbind.cache_driver_info", KEY_FLAG, IN_FILE(runtime.cache_driver_info),
		"false: look at the driver anew at each start"),
	WITHOUT("runtime.nvbind.log_level", "--log-level and nvbind.toml set it"),
	ROW("runtime.nvbind.wsl2.enabled", KEY_FLAG, IN_FILE(runtime.wsl2.enabled),
		"on a host that is WSL2: as gpu.wsl2_optimized, for every service"),
	CHOICE("runtime.nvbind.wsl2.gpu_acceleration", accelerations, IN_FILE(runtime.wsl2.gpu_acceleration),
		"dxcore, the only way there is"),
	ROW("runtime.nvbind.wsl2.low_latency_mode", KEY_FLAG, IN_FILE(runtime.wsl2.low_latency),
		"on a host that is WSL2: no waiting for the display"),
	WITHOUT("runtime.nvbind.wsl2.shared_memory_optimization", "no setting of WSL2 has such an effect"),
	WITHOUT("runtime.nvbind.security", "the sandbox is set per service: security_opt, cap_drop, devices"),
	WITHOUT("runtime.nvbind.monitoring", "bolt monitor measures when it is asked to"),

	EACH("networks", "networks of the project"),
	ROW("networks.*.name", KEY_NAME, IN_PART(called), "its name instead of PROJECT-NETWORK"),
	ROW("networks.*.external", KEY_FLAG, IN_PART(external), "it is there already and stays"),
	ROW("networks.*.driver", KEY_TEXT, IN_PART(driver), "bridge"),
	ROW("networks.*.internal", KEY_FLAG, IN_PART(internal), "no way to the outside"),
	ROW("networks.*.subnet", KEY_TEXT, IN_PART(subnet), "its addresses, 10.89.4.0/24 say"),
	ROW("networks.*.gateway", KEY_TEXT, IN_PART(gateway), "the host's own address"),
	WITHOUT("networks.*.driver_opts", "bridges have no further options"),
	WITHOUT("networks.*.attachable", "any capsule may join it"),
	WITHOUT("networks.*.enable_ipv6", "capsules have IPv4 addresses"),
	WITHOUT("networks.*.labels", "networks have no labels"),
	WITHOUT("networks.*.ipam", "'subnet' and 'gateway' say it"),

	EACH("volumes", "directories that bolt keeps for the project"),
	ROW("volumes.*.name", KEY_NAME, IN_PART(called), "its name instead of PROJECT-VOLUME"),
	ROW("volumes.*.external", KEY_FLAG, IN_PART(external), "it is there already and stays"),
	ROW("volumes.*.driver", KEY_TEXT, IN_PART(driver), "local"),
	WITHOUT("volumes.*.driver_opts", "volumes are directories of the host"),
	WITHOUT("volumes.*.labels", "volumes have no labels"),

	WITHOUT("snapshots",
		"bolt takes snapshots of capsules when it is asked to, not of the host's file systems"),
	WITHOUT("quic_fabric", "capsules talk over the host's network or a bridge"),
	WITHOUT("dns_config", "names are looked up as the host does"),
};
const size_t nvb_boltfile_table_size = NVB_ELEMENTS(nvb_boltfile_table);
