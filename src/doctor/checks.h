/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_CHECKS_H
#define NVB_DOCTOR_CHECKS_H

#include "doctor/host.h"

/* The looks of the table, a file per subject. */
#define NVB_LOOK(name)        \
	void nvb_look_##name( \
		struct nvb_doctor *d, const struct nvb_doctor_check *check, struct nvb_doctor_finding *f)

/* gpu.c */
NVB_LOOK(gpu_none);
NVB_LOOK(gpu_vfio);
NVB_LOOK(gpu_unbound);
NVB_LOOK(gpu_lost);
NVB_LOOK(gpu_silent);
NVB_LOOK(driver_nouveau);
/* module.c */
NVB_LOOK(module_missing);
NVB_LOOK(module_rejected);
NVB_LOOK(module_not_loaded);
NVB_LOOK(driver_mismatch);
NVB_LOOK(driver_libraries);
NVB_LOOK(driver_two_versions);
NVB_LOOK(driver_firmware);
/* nodes.c */
NVB_LOOK(node_missing);
NVB_LOOK(node_number);
NVB_LOOK(node_permission);
NVB_LOOK(node_modprobe);
NVB_LOOK(node_setuid);
NVB_LOOK(node_char_links);
/* settings.c */
NVB_LOOK(persistence);
NVB_LOOK(compute_mode);
NVB_LOOK(mps);
NVB_LOOK(knobs);
NVB_LOOK(remap_pending);
NVB_LOOK(remap_failed);
/* mig.c */
NVB_LOOK(mig_pending);
NVB_LOOK(mig_empty);
NVB_LOOK(mig_nodes);
/* fabric.c */
NVB_LOOK(fabric_stopped);
NVB_LOOK(fabric_version);
NVB_LOOK(peer_iommu);
NVB_LOOK(peer_acs);
/* xid.c */
NVB_LOOK(xid);
NVB_LOOK(xid_application);
NVB_LOOK(xid_other);
/* specs.c */
NVB_LOOK(specs);
NVB_LOOK(specs_directory);
/* engines.c */
NVB_LOOK(engine_cdi);
NVB_LOOK(engine_runtime);
NVB_LOOK(engine_hook);
NVB_LOOK(runtime_missing);
NVB_LOOK(criu);
/* users.c */
NVB_LOOK(user_namespaces);
NVB_LOOK(user_ids);
NVB_LOOK(user_tools);
NVB_LOOK(selinux);
/* graphics.c */
NVB_LOOK(vulkan);
NVB_LOOK(egl);
NVB_LOOK(wsl_shadow);
/* container.c */
NVB_LOOK(container_nodes);
NVB_LOOK(container_denied);
NVB_LOOK(container_number);
NVB_LOOK(container_cuda);
NVB_LOOK(container_version);
NVB_LOOK(container_graphics);
NVB_LOOK(container_requires);
/* probe.c */
NVB_LOOK(probe_runtime);
NVB_LOOK(probe_gpu);

#endif
