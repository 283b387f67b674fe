/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what of the public headers is in every compiled program: sizes, offsets, values. layout.sh compares
 * it with layout.x86_64.txt, what was released, and sees to it that nothing is missing here.
 */
#include <stddef.h>
#include <stdio.h>

#include "nvbind/bolt.h"
#include "nvbind/cdi.h"
#include "nvbind/context.h"
#include "nvbind/error.h"
#include "nvbind/gpu_state.h"
#include "nvbind/inventory.h"
#include "nvbind/latency.h"
#include "nvbind/log.h"
#include "nvbind/oci.h"
#include "nvbind/plan.h"
#include "nvbind/plugin.h"
#include "nvbind/request.h"
#include "nvbind/sampler.h"

#define STRUCT(type)	   printf("struct " #type " %zu\n", sizeof(struct type))
#define FIELD(type, field) printf("\t" #field " %zu\n", offsetof(struct type, field))
#define ENUM(type)	   printf("enum " #type "\n")
#define VALUE(name)	   printf("\t" #name " %d\n", (int)name)

static void s_bolt_aiml_config(void)
{
	STRUCT(nvb_bolt_aiml_config);
	FIELD(nvb_bolt_aiml_config, size);
	FIELD(nvb_bolt_aiml_config, profile);
	FIELD(nvb_bolt_aiml_config, mig_enabled);
	FIELD(nvb_bolt_aiml_config, tensor_cores_enabled);
	FIELD(nvb_bolt_aiml_config, memory_pool_enabled);
}

static void s_bolt_capsule_config(void)
{
	STRUCT(nvb_bolt_capsule_config);
	FIELD(nvb_bolt_capsule_config, size);
	FIELD(nvb_bolt_capsule_config, gpus);
	FIELD(nvb_bolt_capsule_config, docker_gpus);
	FIELD(nvb_bolt_capsule_config, cdi_devices);
	FIELD(nvb_bolt_capsule_config, profiles);
	FIELD(nvb_bolt_capsule_config, capabilities);
	FIELD(nvb_bolt_capsule_config, isolation);
	FIELD(nvb_bolt_capsule_config, gaming);
	FIELD(nvb_bolt_capsule_config, aiml);
	FIELD(nvb_bolt_capsule_config, snapshot_gpu_state);
}

static void s_bolt_compatibility(void)
{
	STRUCT(nvb_bolt_compatibility);
	FIELD(nvb_bolt_compatibility, size);
	FIELD(nvb_bolt_compatibility, compatible);
	FIELD(nvb_bolt_compatibility, reason);
	FIELD(nvb_bolt_compatibility, features);
	FIELD(nvb_bolt_compatibility, gpu_count);
	FIELD(nvb_bolt_compatibility, platform);
	FIELD(nvb_bolt_compatibility, driver);
	FIELD(nvb_bolt_compatibility, driver_version);
	FIELD(nvb_bolt_compatibility, module_version);
}

static void s_bolt_config(void)
{
	STRUCT(nvb_bolt_config);
	FIELD(nvb_bolt_config, size);
	FIELD(nvb_bolt_config, inventory);
	FIELD(nvb_bolt_config, profiles);
	FIELD(nvb_bolt_config, cdi_directories);
	FIELD(nvb_bolt_config, bolt);
	FIELD(nvb_bolt_config, hook);
	FIELD(nvb_bolt_config, ask_nvml);
	FIELD(nvb_bolt_config, strict);
	FIELD(nvb_bolt_config, log);
}

static void s_bolt_gaming_config(void)
{
	STRUCT(nvb_bolt_gaming_config);
	FIELD(nvb_bolt_gaming_config, size);
	FIELD(nvb_bolt_gaming_config, profile);
	FIELD(nvb_bolt_gaming_config, dlss_enabled);
	FIELD(nvb_bolt_gaming_config, rt_cores_enabled);
	FIELD(nvb_bolt_gaming_config, wine_optimizations);
	FIELD(nvb_bolt_gaming_config, vrs_enabled);
}

static void s_bolt_gaming_gpu_config(void)
{
	STRUCT(nvb_bolt_gaming_gpu_config);
	FIELD(nvb_bolt_gaming_gpu_config, size);
	FIELD(nvb_bolt_gaming_gpu_config, dlss_enabled);
	FIELD(nvb_bolt_gaming_gpu_config, rt_cores_enabled);
	FIELD(nvb_bolt_gaming_gpu_config, wine_optimizations);
	FIELD(nvb_bolt_gaming_gpu_config, vrs_enabled);
	FIELD(nvb_bolt_gaming_gpu_config, performance_profile);
	FIELD(nvb_bolt_gaming_gpu_config, power_profile);
}

static void s_bolt_isolation(void)
{
	STRUCT(nvb_bolt_isolation);
	FIELD(nvb_bolt_isolation, size);
	FIELD(nvb_bolt_isolation, mode);
	FIELD(nvb_bolt_isolation, memory_limit);
	FIELD(nvb_bolt_isolation, compute_limit);
	FIELD(nvb_bolt_isolation, mig_match);
}

static void s_bolt_run(void)
{
	STRUCT(nvb_bolt_run);
	FIELD(nvb_bolt_run, size);
	FIELD(nvb_bolt_run, id);
	FIELD(nvb_bolt_run, image);
	FIELD(nvb_bolt_run, rootfs);
	FIELD(nvb_bolt_run, command);
	FIELD(nvb_bolt_run, request);
	FIELD(nvb_bolt_run, profiles);
	FIELD(nvb_bolt_run, remove);
}

static void s_bolt_runtime_ops(void)
{
	STRUCT(nvb_bolt_runtime_ops);
	FIELD(nvb_bolt_runtime_ops, size);
	FIELD(nvb_bolt_runtime_ops, name);
	FIELD(nvb_bolt_runtime_ops, configure_gpu_isolation);
	FIELD(nvb_bolt_runtime_ops, setup_gaming_optimization);
	FIELD(nvb_bolt_runtime_ops, setup_aiml_optimization);
	FIELD(nvb_bolt_runtime_ops, apply_cdi_devices);
	FIELD(nvb_bolt_runtime_ops, setup_gpu_for_capsule);
	FIELD(nvb_bolt_runtime_ops, enable_gpu_snapshot);
}

static void s_cdi_options(void)
{
	STRUCT(nvb_cdi_options);
	FIELD(nvb_cdi_options, size);
	FIELD(nvb_cdi_options, vendor);
	FIELD(nvb_cdi_options, device_class);
	FIELD(nvb_cdi_options, naming);
	FIELD(nvb_cdi_options, version);
	FIELD(nvb_cdi_options, hook_path);
	FIELD(nvb_cdi_options, format);
}

static void s_context_info(void)
{
	STRUCT(nvb_context_info);
	FIELD(nvb_context_info, size);
	FIELD(nvb_context_info, kind);
	FIELD(nvb_context_info, ordinal);
	FIELD(nvb_context_info, uuid);
	FIELD(nvb_context_info, multiprocessors);
}

static void s_context_options(void)
{
	STRUCT(nvb_context_options);
	FIELD(nvb_context_options, size);
	FIELD(nvb_context_options, kind);
	FIELD(nvb_context_options, device);
	FIELD(nvb_context_options, ordinal);
	FIELD(nvb_context_options, flags);
	FIELD(nvb_context_options, multiprocessors);
	FIELD(nvb_context_options, group);
}

static void s_contexts_options(void)
{
	STRUCT(nvb_contexts_options);
	FIELD(nvb_contexts_options, size);
	FIELD(nvb_contexts_options, library);
}

static void s_gpu_info(void)
{
	STRUCT(nvb_gpu_info);
	FIELD(nvb_gpu_info, size);
	FIELD(nvb_gpu_info, index);
	FIELD(nvb_gpu_info, minor);
	FIELD(nvb_gpu_info, uuid);
	FIELD(nvb_gpu_info, name);
	FIELD(nvb_gpu_info, pci_address);
	FIELD(nvb_gpu_info, numa_node);
	FIELD(nvb_gpu_info, memory_bytes);
	FIELD(nvb_gpu_info, compute_major);
	FIELD(nvb_gpu_info, compute_minor);
	FIELD(nvb_gpu_info, mig_devices);
}

static void s_inventory_options(void)
{
	STRUCT(nvb_inventory_options);
	FIELD(nvb_inventory_options, size);
	FIELD(nvb_inventory_options, root);
	FIELD(nvb_inventory_options, driver_root);
	FIELD(nvb_inventory_options, dev_root);
	FIELD(nvb_inventory_options, proc_root);
	FIELD(nvb_inventory_options, sys_root);
	FIELD(nvb_inventory_options, library_path);
	FIELD(nvb_inventory_options, cache_directory);
	FIELD(nvb_inventory_options, no_cache);
	FIELD(nvb_inventory_options, log);
}

static void s_log(void)
{
	STRUCT(nvb_log);
	FIELD(nvb_log, level);
	FIELD(nvb_log, emit);
	FIELD(nvb_log, data);
}

static void s_low_latency_options(void)
{
	STRUCT(nvb_low_latency_options);
	FIELD(nvb_low_latency_options, size);
	FIELD(nvb_low_latency_options, mode);
	FIELD(nvb_low_latency_options, gpus);
	FIELD(nvb_low_latency_options, priority);
	FIELD(nvb_low_latency_options, keep_knobs);
	FIELD(nvb_low_latency_options, keep_scheduling);
	FIELD(nvb_low_latency_options, keep_input);
}

static void s_low_latency_step(void)
{
	STRUCT(nvb_low_latency_step);
	FIELD(nvb_low_latency_step, size);
	FIELD(nvb_low_latency_step, name);
	FIELD(nvb_low_latency_step, done);
	FIELD(nvb_low_latency_step, text);
}

static void s_oci_options(void)
{
	STRUCT(nvb_oci_options);
	FIELD(nvb_oci_options, size);
	FIELD(nvb_oci_options, hook_path);
	FIELD(nvb_oci_options, no_hook);
	FIELD(nvb_oci_options, user_namespace);
	FIELD(nvb_oci_options, container_root);
}

static void s_plan_options(void)
{
	STRUCT(nvb_plan_options);
	FIELD(nvb_plan_options, size);
	FIELD(nvb_plan_options, layout);
	FIELD(nvb_plan_options, tree);
	FIELD(nvb_plan_options, cdi_directories);
	FIELD(nvb_plan_options, log);
	FIELD(nvb_plan_options, no_cuda_compat);
	FIELD(nvb_plan_options, no_params_mask);
}

static void s_plugin(void)
{
	STRUCT(nvb_plugin);
	FIELD(nvb_plugin, size);
	FIELD(nvb_plugin, abi);
	FIELD(nvb_plugin, name);
	FIELD(nvb_plugin, version);
	FIELD(nvb_plugin, summary);
	FIELD(nvb_plugin, edit);
}

static void s_plugin_gpu(void)
{
	STRUCT(nvb_plugin_gpu);
	FIELD(nvb_plugin_gpu, size);
	FIELD(nvb_plugin_gpu, name);
	FIELD(nvb_plugin_gpu, uuid);
	FIELD(nvb_plugin_gpu, pci);
	FIELD(nvb_plugin_gpu, model);
	FIELD(nvb_plugin_gpu, index);
	FIELD(nvb_plugin_gpu, numa_node);
}

static void s_plugin_host(void)
{
	STRUCT(nvb_plugin_host);
	FIELD(nvb_plugin_host, size);
	FIELD(nvb_plugin_host, abi);
	FIELD(nvb_plugin_host, driver_version);
	FIELD(nvb_plugin_host, capabilities);
	FIELD(nvb_plugin_host, dev_root);
	FIELD(nvb_plugin_host, sys_root);
	FIELD(nvb_plugin_host, gpu_count);
	FIELD(nvb_plugin_host, gpu);
	FIELD(nvb_plugin_host, add_device);
	FIELD(nvb_plugin_host, add_mount);
	FIELD(nvb_plugin_host, add_env);
	FIELD(nvb_plugin_host, warn);
}

static void e_bolt_feature(void)
{
	ENUM(nvb_bolt_feature);
	VALUE(NVB_BOLT_GPUS);
	VALUE(NVB_BOLT_GPU_SELECTION);
	VALUE(NVB_BOLT_COMPUTE);
	VALUE(NVB_BOLT_GRAPHICS);
	VALUE(NVB_BOLT_RAY_TRACING);
	VALUE(NVB_BOLT_DLSS);
	VALUE(NVB_BOLT_WINE_32BIT);
	VALUE(NVB_BOLT_VIDEO);
	VALUE(NVB_BOLT_MIG);
	VALUE(NVB_BOLT_GPU_SNAPSHOTS);
	VALUE(NVB_BOLT_GREEN_CONTEXTS);
	VALUE(NVB_BOLT_CAPSULES);
}

static void e_capability(void)
{
	ENUM(nvb_capability);
	VALUE(NVB_CAP_COMPUTE);
	VALUE(NVB_CAP_UTILITY);
	VALUE(NVB_CAP_GRAPHICS);
	VALUE(NVB_CAP_VIDEO);
	VALUE(NVB_CAP_DISPLAY);
	VALUE(NVB_CAP_NGX);
	VALUE(NVB_CAP_COMPAT32);
}

static void e_cdi_format(void)
{
	ENUM(nvb_cdi_format);
	VALUE(NVB_CDI_YAML);
	VALUE(NVB_CDI_JSON);
}

static void e_cdi_naming(void)
{
	ENUM(nvb_cdi_naming);
	VALUE(NVB_CDI_NAME_INDEX);
	VALUE(NVB_CDI_NAME_UUID);
}

static void e_context_kind(void)
{
	ENUM(nvb_context_kind);
	VALUE(NVB_CONTEXT_PRIMARY);
	VALUE(NVB_CONTEXT_OWN);
	VALUE(NVB_CONTEXT_GREEN);
}

static void e_driver_kind(void)
{
	ENUM(nvb_driver_kind);
	VALUE(NVB_DRIVER_NONE);
	VALUE(NVB_DRIVER_PROPRIETARY);
	VALUE(NVB_DRIVER_OPEN);
	VALUE(NVB_DRIVER_NOUVEAU);
	VALUE(NVB_DRIVER_DXG);
}

static void e_error_code(void)
{
	ENUM(nvb_error_code);
	VALUE(NVB_OK);
	VALUE(NVB_ERR_INVALID);
	VALUE(NVB_ERR_NOT_FOUND);
	VALUE(NVB_ERR_UNSUPPORTED);
	VALUE(NVB_ERR_PERMISSION);
	VALUE(NVB_ERR_BUSY);
	VALUE(NVB_ERR_CONFLICT);
	VALUE(NVB_ERR_CORRUPT);
	VALUE(NVB_ERR_STALE);
	VALUE(NVB_ERR_SYSTEM);
	VALUE(NVB_ERR_NO_MEMORY);
	VALUE(NVB_ERR_CANCELLED);
}

static void e_feature(void)
{
	ENUM(nvb_feature);
	VALUE(NVB_FEATURE_GDS);
	VALUE(NVB_FEATURE_MOFED);
	VALUE(NVB_FEATURE_GDRCOPY);
	VALUE(NVB_FEATURE_NVSWITCH);
	VALUE(NVB_FEATURE_MIG_CONFIG);
	VALUE(NVB_FEATURE_MIG_MONITOR);
	VALUE(NVB_FEATURE_MANAGEMENT);
}

static void e_gaming_profile(void)
{
	ENUM(nvb_gaming_profile);
	VALUE(NVB_GAMING_UNSAID);
	VALUE(NVB_GAMING_ULTRA_LOW_LATENCY);
	VALUE(NVB_GAMING_PERFORMANCE);
	VALUE(NVB_GAMING_BALANCED);
	VALUE(NVB_GAMING_EFFICIENCY);
	VALUE(NVB_GAMING_COMPETITIVE);
	VALUE(NVB_GAMING_ULTRA_LOW_LATENCY);
	VALUE(NVB_GAMING_AAA);
	VALUE(NVB_GAMING_PERFORMANCE);
}

static void e_isolation(void)
{
	ENUM(nvb_isolation);
	VALUE(NVB_ISOLATION_SHARED);
	VALUE(NVB_ISOLATION_EXCLUSIVE);
	VALUE(NVB_ISOLATION_VIRTUAL);
}

static void e_layout(void)
{
	ENUM(nvb_layout);
	VALUE(NVB_LAYOUT_FILES);
	VALUE(NVB_LAYOUT_TREE);
	VALUE(NVB_LAYOUT_LAYER);
}

static void e_log_level(void)
{
	ENUM(nvb_log_level);
	VALUE(NVB_LOG_ERROR);
	VALUE(NVB_LOG_WARNING);
	VALUE(NVB_LOG_INFO);
	VALUE(NVB_LOG_DEBUG);
}

static void e_mig_match(void)
{
	ENUM(nvb_mig_match);
	VALUE(NVB_MIG_MATCH_UP);
	VALUE(NVB_MIG_MATCH_STRICT);
	VALUE(NVB_MIG_MATCH_DOWN);
}

static void s_gpu_pair(void)
{
	STRUCT(nvb_gpu_pair);
	FIELD(nvb_gpu_pair, from);
	FIELD(nvb_gpu_pair, to);
}

static void s_gpu_process(void)
{
	STRUCT(nvb_gpu_process);
	FIELD(nvb_gpu_process, size);
	FIELD(nvb_gpu_process, pid);
	FIELD(nvb_gpu_process, restore_thread);
	FIELD(nvb_gpu_process, state);
}

static void s_gpu_state_finding(void)
{
	STRUCT(nvb_gpu_state_finding);
	FIELD(nvb_gpu_state_finding, id);
	FIELD(nvb_gpu_state_finding, pid);
	FIELD(nvb_gpu_state_finding, fatal);
	FIELD(nvb_gpu_state_finding, reason);
}

static void s_gpu_state_options(void)
{
	STRUCT(nvb_gpu_state_options);
	FIELD(nvb_gpu_state_options, size);
	FIELD(nvb_gpu_state_options, library);
	FIELD(nvb_gpu_state_options, lock_timeout_ms);
	FIELD(nvb_gpu_state_options, limit_s);
}

static void e_gpu_process_state(void)
{
	ENUM(nvb_gpu_process_state);
	VALUE(NVB_GPU_PROCESS_NONE);
	VALUE(NVB_GPU_PROCESS_RUNNING);
	VALUE(NVB_GPU_PROCESS_LOCKED);
	VALUE(NVB_GPU_PROCESS_CHECKPOINTED);
	VALUE(NVB_GPU_PROCESS_FAILED);
}

static void e_gpu_step(void)
{
	ENUM(nvb_gpu_step);
	VALUE(NVB_GPU_STEP_LOCK);
	VALUE(NVB_GPU_STEP_CHECKPOINT);
	VALUE(NVB_GPU_STEP_RESTORE);
	VALUE(NVB_GPU_STEP_UNLOCK);
}

static void e_platform(void)
{
	ENUM(nvb_platform);
	VALUE(NVB_PLATFORM_NATIVE);
	VALUE(NVB_PLATFORM_WSL2);
}

static void e_switch(void)
{
	ENUM(nvb_switch);
	VALUE(NVB_AS_PROFILE);
	VALUE(NVB_OFF);
	VALUE(NVB_ON);
}

static void s_sampler_options(void)
{
	STRUCT(nvb_sampler_options);
	FIELD(nvb_sampler_options, size);
	FIELD(nvb_sampler_options, interval_ns);
	FIELD(nvb_sampler_options, process_interval_ns);
	FIELD(nvb_sampler_options, patience_ns);
	FIELD(nvb_sampler_options, capsule_name);
	FIELD(nvb_sampler_options, capsule_of);
	FIELD(nvb_sampler_options, data);
	FIELD(nvb_sampler_options, log);
}

static void s_metric_info(void)
{
	STRUCT(nvb_metric_info);
	FIELD(nvb_metric_info, name);
	FIELD(nvb_metric_info, help);
	FIELD(nvb_metric_info, unit);
	FIELD(nvb_metric_info, counter);
	FIELD(nvb_metric_info, of_mig);
}

static void s_value(void)
{
	STRUCT(nvb_value);
	FIELD(nvb_value, value);
	FIELD(nvb_value, age_ns);
	FIELD(nvb_value, state);
}

static void s_sample_gpu(void)
{
	STRUCT(nvb_sample_gpu);
	FIELD(nvb_sample_gpu, index);
	FIELD(nvb_sample_gpu, state);
	FIELD(nvb_sample_gpu, reason);
	FIELD(nvb_sample_gpu, since_ns);
	FIELD(nvb_sample_gpu, uuid);
	FIELD(nvb_sample_gpu, name);
	FIELD(nvb_sample_gpu, pci_address);
	FIELD(nvb_sample_gpu, minor);
	FIELD(nvb_sample_gpu, pcie_generation_max);
	FIELD(nvb_sample_gpu, pcie_width_max);
	FIELD(nvb_sample_gpu, mig_mode);
	FIELD(nvb_sample_gpu, mig_count);
	FIELD(nvb_sample_gpu, process_count);
}

static void s_sample_mig(void)
{
	STRUCT(nvb_sample_mig);
	FIELD(nvb_sample_mig, index);
	FIELD(nvb_sample_mig, gi);
	FIELD(nvb_sample_mig, ci);
	FIELD(nvb_sample_mig, uuid);
	FIELD(nvb_sample_mig, profile);
}

static void s_sample_process(void)
{
	STRUCT(nvb_sample_process);
	FIELD(nvb_sample_process, pid);
	FIELD(nvb_sample_process, inner_pid);
	FIELD(nvb_sample_process, uid);
	FIELD(nvb_sample_process, mig);
	FIELD(nvb_sample_process, kinds);
	FIELD(nvb_sample_process, started_ns);
	FIELD(nvb_sample_process, name);
	FIELD(nvb_sample_process, command);
	FIELD(nvb_sample_process, owner);
	FIELD(nvb_sample_process, owner_id);
	FIELD(nvb_sample_process, owner_name);
	FIELD(nvb_sample_process, pod);
	FIELD(nvb_sample_process, memory);
	FIELD(nvb_sample_process, utilization);
	FIELD(nvb_sample_process, memory_utilization);
	FIELD(nvb_sample_process, encoder_utilization);
	FIELD(nvb_sample_process, decoder_utilization);
}

static void s_sample_cost(void)
{
	STRUCT(nvb_sample_cost);
	FIELD(nvb_sample_cost, cpu_ns);
	FIELD(nvb_sample_cost, elapsed_ns);
	FIELD(nvb_sample_cost, collect_ns);
	FIELD(nvb_sample_cost, child_rss_bytes);
	FIELD(nvb_sample_cost, missed);
}

static void e_metric(void)
{
	ENUM(nvb_metric);
	VALUE(NVB_METRIC_UTILIZATION);
	VALUE(NVB_METRIC_MEMORY_UTILIZATION);
	VALUE(NVB_METRIC_ENCODER_UTILIZATION);
	VALUE(NVB_METRIC_DECODER_UTILIZATION);
	VALUE(NVB_METRIC_MEMORY_TOTAL);
	VALUE(NVB_METRIC_MEMORY_USED);
	VALUE(NVB_METRIC_MEMORY_FREE);
	VALUE(NVB_METRIC_MEMORY_RESERVED);
	VALUE(NVB_METRIC_POWER);
	VALUE(NVB_METRIC_POWER_LIMIT);
	VALUE(NVB_METRIC_ENERGY);
	VALUE(NVB_METRIC_TEMPERATURE);
	VALUE(NVB_METRIC_MEMORY_TEMPERATURE);
	VALUE(NVB_METRIC_FAN_SPEED);
	VALUE(NVB_METRIC_GRAPHICS_CLOCK);
	VALUE(NVB_METRIC_SM_CLOCK);
	VALUE(NVB_METRIC_MEMORY_CLOCK);
	VALUE(NVB_METRIC_VIDEO_CLOCK);
	VALUE(NVB_METRIC_PERFORMANCE_STATE);
	VALUE(NVB_METRIC_THROTTLE_REASONS);
	VALUE(NVB_METRIC_PCIE_TX_BYTES);
	VALUE(NVB_METRIC_PCIE_RX_BYTES);
	VALUE(NVB_METRIC_PCIE_TX_RATE);
	VALUE(NVB_METRIC_PCIE_RX_RATE);
	VALUE(NVB_METRIC_PCIE_GENERATION);
	VALUE(NVB_METRIC_PCIE_WIDTH);
	VALUE(NVB_METRIC_PCIE_REPLAYS);
	VALUE(NVB_METRIC_NVLINK_TX_BYTES);
	VALUE(NVB_METRIC_NVLINK_RX_BYTES);
	VALUE(NVB_METRIC_NVLINK_TX_RATE);
	VALUE(NVB_METRIC_NVLINK_RX_RATE);
	VALUE(NVB_METRIC_NVLINK_ACTIVE);
	VALUE(NVB_METRIC_ECC_CORRECTED);
	VALUE(NVB_METRIC_ECC_UNCORRECTED);
	VALUE(NVB_METRIC_ROW_REMAP_PENDING);
	VALUE(NVB_METRIC_ROW_REMAP_FAILED);
	VALUE(NVB_METRIC_XID_ERRORS);
	VALUE(NVB_METRIC_LAST_XID);
	VALUE(NVB_METRIC_COUNT);
}

static void e_unit(void)
{
	ENUM(nvb_unit);
	VALUE(NVB_UNIT_NONE);
	VALUE(NVB_UNIT_RATIO);
	VALUE(NVB_UNIT_BYTES);
	VALUE(NVB_UNIT_BYTES_PER_SECOND);
	VALUE(NVB_UNIT_WATTS);
	VALUE(NVB_UNIT_JOULES);
	VALUE(NVB_UNIT_CELSIUS);
	VALUE(NVB_UNIT_HERTZ);
}

static void e_value_state(void)
{
	ENUM(nvb_value_state);
	VALUE(NVB_VALUE_UNSUPPORTED);
	VALUE(NVB_VALUE_PENDING);
	VALUE(NVB_VALUE_FAILED);
	VALUE(NVB_VALUE_KNOWN);
}

static void e_sample_state(void)
{
	ENUM(nvb_sample_state);
	VALUE(NVB_SAMPLE_FINE);
	VALUE(NVB_SAMPLE_WAITING);
	VALUE(NVB_SAMPLE_SLOW);
	VALUE(NVB_SAMPLE_ERROR);
	VALUE(NVB_SAMPLE_LOST);
	VALUE(NVB_SAMPLE_GONE);
}

static void e_owner(void)
{
	ENUM(nvb_owner);
	VALUE(NVB_OWNER_HOST);
	VALUE(NVB_OWNER_CAPSULE);
	VALUE(NVB_OWNER_DOCKER);
	VALUE(NVB_OWNER_PODMAN);
	VALUE(NVB_OWNER_CONTAINERD);
	VALUE(NVB_OWNER_CRIO);
	VALUE(NVB_OWNER_POD);
	VALUE(NVB_OWNER_SLURM);
	VALUE(NVB_OWNER_CONTAINER);
	VALUE(NVB_OWNER_UNKNOWN);
}

static void e_gpu_use_kind(void)
{
	ENUM(nvb_gpu_use_kind);
	VALUE(NVB_USE_COMPUTE);
	VALUE(NVB_USE_GRAPHICS);
	VALUE(NVB_USE_MPS);
}

int main(void)
{
	s_bolt_aiml_config();
	s_bolt_capsule_config();
	s_bolt_compatibility();
	s_bolt_config();
	s_bolt_gaming_config();
	s_bolt_gaming_gpu_config();
	s_bolt_isolation();
	s_bolt_run();
	s_bolt_runtime_ops();
	s_cdi_options();
	s_context_info();
	s_context_options();
	s_contexts_options();
	s_gpu_info();
	s_gpu_pair();
	s_gpu_process();
	s_gpu_state_finding();
	s_gpu_state_options();
	s_inventory_options();
	s_log();
	s_low_latency_options();
	s_low_latency_step();
	s_oci_options();
	s_plan_options();
	s_plugin();
	s_plugin_gpu();
	s_plugin_host();
	s_metric_info();
	s_sample_cost();
	s_sample_gpu();
	s_sample_mig();
	s_sample_process();
	s_sampler_options();
	s_value();
	e_bolt_feature();
	e_capability();
	e_cdi_format();
	e_cdi_naming();
	e_context_kind();
	e_driver_kind();
	e_error_code();
	e_feature();
	e_gaming_profile();
	e_gpu_process_state();
	e_gpu_step();
	e_isolation();
	e_layout();
	e_log_level();
	e_mig_match();
	e_platform();
	e_switch();
	e_gpu_use_kind();
	e_metric();
	e_owner();
	e_sample_state();
	e_unit();
	e_value_state();
	return 0;
}
