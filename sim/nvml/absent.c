/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/*
 * What the interface has and no simulated card can do. They exist because clients look names up before they
 * call them, and answer as a driver does on a card without the feature. Arguments are not looked at.
 */
static nvml_return absent(void)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	return rc == NVML_OK ? NVML_NOT_SUPPORTED : rc;
}

#define ABSENT(name)             \
	API(name, void)          \
	{                        \
		return absent(); \
	}

/* Virtual GPUs, their licences, frame capture */
ABSENT(nvmlDeviceGetActiveVgpus)
ABSENT(nvmlDeviceGetCreatableVgpus)
ABSENT(nvmlDeviceGetFBCSessions)
ABSENT(nvmlDeviceGetFBCStats)
ABSENT(nvmlDeviceGetGridLicensableFeatures)
ABSENT(nvmlDeviceGetGridLicensableFeatures_v2)
ABSENT(nvmlDeviceGetGridLicensableFeatures_v3)
ABSENT(nvmlDeviceGetGridLicensableFeatures_v4)
ABSENT(nvmlDeviceGetHostVgpuMode)
ABSENT(nvmlDeviceGetPgpuMetadataString)
ABSENT(nvmlDeviceGetSupportedVgpus)
ABSENT(nvmlDeviceGetVgpuCapabilities)
ABSENT(nvmlDeviceGetVgpuHeterogeneousMode)
ABSENT(nvmlDeviceGetVgpuInstancesUtilizationInfo)
ABSENT(nvmlDeviceGetVgpuMetadata)
ABSENT(nvmlDeviceGetVgpuProcessUtilization)
ABSENT(nvmlDeviceGetVgpuProcessesUtilizationInfo)
ABSENT(nvmlDeviceGetVgpuSchedulerCapabilities)
ABSENT(nvmlDeviceGetVgpuSchedulerLog)
ABSENT(nvmlDeviceGetVgpuSchedulerState)
ABSENT(nvmlDeviceGetVgpuTypeCreatablePlacements)
ABSENT(nvmlDeviceGetVgpuTypeSupportedPlacements)
ABSENT(nvmlDeviceGetVgpuUtilization)
ABSENT(nvmlDeviceSetVgpuCapabilities)
ABSENT(nvmlDeviceSetVgpuHeterogeneousMode)
ABSENT(nvmlDeviceSetVgpuSchedulerState)
ABSENT(nvmlGetVgpuCompatibility)
ABSENT(nvmlGetVgpuDriverCapabilities)
ABSENT(nvmlGetVgpuVersion)
ABSENT(nvmlSetVgpuVersion)
ABSENT(nvmlVgpuInstanceClearAccountingPids)
ABSENT(nvmlVgpuInstanceGetAccountingMode)
ABSENT(nvmlVgpuInstanceGetAccountingPids)
ABSENT(nvmlVgpuInstanceGetAccountingStats)
ABSENT(nvmlVgpuInstanceGetEccMode)
ABSENT(nvmlVgpuInstanceGetEncoderCapacity)
ABSENT(nvmlVgpuInstanceGetEncoderSessions)
ABSENT(nvmlVgpuInstanceGetEncoderStats)
ABSENT(nvmlVgpuInstanceGetFBCSessions)
ABSENT(nvmlVgpuInstanceGetFBCStats)
ABSENT(nvmlVgpuInstanceGetFbUsage)
ABSENT(nvmlVgpuInstanceGetFrameRateLimit)
ABSENT(nvmlVgpuInstanceGetGpuInstanceId)
ABSENT(nvmlVgpuInstanceGetGpuPciId)
ABSENT(nvmlVgpuInstanceGetLicenseInfo)
ABSENT(nvmlVgpuInstanceGetLicenseInfo_v2)
ABSENT(nvmlVgpuInstanceGetLicenseStatus)
ABSENT(nvmlVgpuInstanceGetMdevUUID)
ABSENT(nvmlVgpuInstanceGetMetadata)
ABSENT(nvmlVgpuInstanceGetPlacementId)
ABSENT(nvmlVgpuInstanceGetType)
ABSENT(nvmlVgpuInstanceGetUUID)
ABSENT(nvmlVgpuInstanceGetVmDriverVersion)
ABSENT(nvmlVgpuInstanceGetVmID)
ABSENT(nvmlVgpuInstanceSetEncoderCapacity)
ABSENT(nvmlVgpuTypeGetCapabilities)
ABSENT(nvmlVgpuTypeGetClass)
ABSENT(nvmlVgpuTypeGetDeviceID)
ABSENT(nvmlVgpuTypeGetFbReservation)
ABSENT(nvmlVgpuTypeGetFrameRateLimit)
ABSENT(nvmlVgpuTypeGetFramebufferSize)
ABSENT(nvmlVgpuTypeGetGpuInstanceProfileId)
ABSENT(nvmlVgpuTypeGetGspHeapSize)
ABSENT(nvmlVgpuTypeGetLicense)
ABSENT(nvmlVgpuTypeGetMaxInstances)
ABSENT(nvmlVgpuTypeGetMaxInstancesPerVm)
ABSENT(nvmlVgpuTypeGetName)
ABSENT(nvmlVgpuTypeGetNumDisplayHeads)
ABSENT(nvmlVgpuTypeGetResolution)

/* Accounting of finished processes */
ABSENT(nvmlDeviceClearAccountingPids)
ABSENT(nvmlDeviceGetAccountingBufferSize)
ABSENT(nvmlDeviceGetAccountingMode)
ABSENT(nvmlDeviceGetAccountingPids)
ABSENT(nvmlDeviceGetAccountingStats)
ABSENT(nvmlDeviceSetAccountingMode)

/* GPU performance monitoring counters */
ABSENT(nvmlGpmMetricsGet)
ABSENT(nvmlGpmMigSampleGet)
ABSENT(nvmlGpmQueryDeviceSupport)
ABSENT(nvmlGpmQueryIfStreamingEnabled)
ABSENT(nvmlGpmSampleAlloc)
ABSENT(nvmlGpmSampleFree)
ABSENT(nvmlGpmSampleGet)
ABSENT(nvmlGpmSetStreamingEnabled)

/* Confidential computing */
ABSENT(nvmlDeviceGetConfComputeGpuAttestationReport)
ABSENT(nvmlDeviceGetConfComputeGpuCertificate)
ABSENT(nvmlDeviceSetConfComputeUnprotectedMemSize)
ABSENT(nvmlSystemGetConfComputeCapabilities)
ABSENT(nvmlSystemGetConfComputeGpusReadyState)
ABSENT(nvmlSystemGetConfComputeKeyRotationThresholdInfo)
ABSENT(nvmlSystemGetConfComputeSettings)
ABSENT(nvmlSystemGetConfComputeState)
ABSENT(nvmlSystemSetConfComputeGpusReadyState)
ABSENT(nvmlSystemSetConfComputeKeyRotationThresholdInfo)

/* S-class units, bridges, the inforom */
ABSENT(nvmlDeviceGetBridgeChipInfo)
ABSENT(nvmlDeviceGetInforomConfigurationChecksum)
ABSENT(nvmlDeviceGetInforomImageVersion)
ABSENT(nvmlDeviceGetInforomVersion)
ABSENT(nvmlDeviceGetLastBBXFlushTime)
ABSENT(nvmlDeviceValidateInforom)
ABSENT(nvmlUnitGetDevices)
ABSENT(nvmlUnitGetFanSpeedInfo)
ABSENT(nvmlUnitGetHandleByIndex)
ABSENT(nvmlUnitGetLedState)
ABSENT(nvmlUnitGetPsuInfo)
ABSENT(nvmlUnitGetTemperature)
ABSENT(nvmlUnitGetUnitInfo)
ABSENT(nvmlUnitSetLedState)

/* NVLink counters and power of generations that are not simulated, chip to chip links */
ABSENT(nvmlDeviceFreezeNvLinkUtilizationCounter)
ABSENT(nvmlDeviceGetC2cModeInfoV)
ABSENT(nvmlDeviceGetNvLinkUtilizationControl)
ABSENT(nvmlDeviceGetNvLinkUtilizationCounter)
ABSENT(nvmlDeviceResetNvLinkErrorCounters)
ABSENT(nvmlDeviceResetNvLinkUtilizationCounter)
ABSENT(nvmlDeviceSetNvLinkDeviceLowPowerThreshold)
ABSENT(nvmlDeviceSetNvLinkUtilizationControl)
ABSENT(nvmlSystemGetNvlinkBwMode)
ABSENT(nvmlSystemSetNvlinkBwMode)

/* Taking cards out of service */
ABSENT(nvmlDeviceDiscoverGpus)
ABSENT(nvmlDeviceModifyDrainState)
ABSENT(nvmlDeviceQueryDrainState)
ABSENT(nvmlDeviceRemoveGpu)
ABSENT(nvmlDeviceRemoveGpu_v2)

/* Windows, overclocking and the rest */
ABSENT(nvmlDeviceClearCpuAffinity)
ABSENT(nvmlDeviceGetAPIRestriction)
ABSENT(nvmlDeviceGetAutoBoostedClocksEnabled)
ABSENT(nvmlDeviceGetClkMonStatus)
ABSENT(nvmlDeviceGetDriverModel)
ABSENT(nvmlDeviceGetDynamicPstatesInfo)
ABSENT(nvmlDeviceGetEncoderCapacity)
ABSENT(nvmlDeviceGetEncoderSessions)
ABSENT(nvmlDeviceGetEncoderStats)
ABSENT(nvmlDeviceGetFanControlPolicy_v2)
ABSENT(nvmlDeviceGetGpcClkMinMaxVfOffset)
ABSENT(nvmlDeviceGetGpcClkVfOffset)
ABSENT(nvmlDeviceGetGpuOperationMode)
ABSENT(nvmlDeviceGetIrqNum)
ABSENT(nvmlDeviceGetMemClkMinMaxVfOffset)
ABSENT(nvmlDeviceGetMemClkVfOffset)
ABSENT(nvmlDeviceGetMinMaxClockOfPState)
ABSENT(nvmlDeviceGetProcessesUtilizationInfo)
ABSENT(nvmlDeviceGetThermalSettings)
ABSENT(nvmlDeviceSetAPIRestriction)
ABSENT(nvmlDeviceSetAutoBoostedClocksEnabled)
ABSENT(nvmlDeviceSetCpuAffinity)
ABSENT(nvmlDeviceSetDefaultAutoBoostedClocksEnabled)
ABSENT(nvmlDeviceSetDefaultFanSpeed_v2)
ABSENT(nvmlDeviceSetDriverModel)
ABSENT(nvmlDeviceSetFanControlPolicy)
ABSENT(nvmlDeviceSetGpcClkVfOffset)
ABSENT(nvmlDeviceSetGpuOperationMode)
ABSENT(nvmlDeviceSetMemClkVfOffset)
ABSENT(nvmlDeviceSetTemperatureThreshold)
ABSENT(nvmlDeviceSetVirtualizationMode)
ABSENT(nvmlSystemGetTopologyGpuSet)

/*
 * The private table of functions that nvidia-smi asks for. There is none here: its callers do without, each
 * in its own way.
 */
API(nvmlInternalGetExportTable, const void **table, const void *id)
{
	(void)id;
	if (table)
		*table = NULL;
	return NVML_NOT_FOUND;
}
