// A profile from what a device says of itself. Memory is not among it: WebGPU does not tell.
import type { DeviceLimits, DeviceProfile } from "../plan/plan.ts";
import {
  desktop,
  desktopTiles,
  gpuDecodedRows,
  gpuTransferRate,
  sharedTransferRate,
  software,
  softwareDecodedRows,
  softwareTiles,
  webgpuLimits,
  webgpuTiles,
} from "./builtin.ts";

/** What is known of a device; `DeviceFacts` of the runtime is one. */
export interface KnownDevice {
  readonly name: string;
  readonly isSoftware: boolean;
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

/** `memory`: bytes a job may use, where the caller knows better than the assumption for its kind of device. */
export function profileFromDevice(device: KnownDevice, memory?: number): DeviceProfile {
  const limits = readLimits(device.limits);
  const assumed = device.isSoftware ? software.memory : desktop.memory;
  const roomy = limits.maxComputeWorkgroupStorageSize >= 32_768;
  return {
    name: device.name,
    limits,
    features: device.features,
    memory: memory ?? assumed,
    tiles: device.isSoftware ? softwareTiles : roomy ? desktopTiles : webgpuTiles,
    decodedRows: device.isSoftware ? softwareDecodedRows : gpuDecodedRows,
    transferRate: device.isSoftware ? sharedTransferRate : gpuTransferRate,
  };
}

/** The limits that plans respect; what the device does not say is WebGPU's default. */
function readLimits(given: Readonly<Record<string, number>>): DeviceLimits {
  return {
    maxBufferSize: given["maxBufferSize"] ?? webgpuLimits.maxBufferSize,
    maxStorageBufferBindingSize:
      given["maxStorageBufferBindingSize"] ?? webgpuLimits.maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage:
      given["maxStorageBuffersPerShaderStage"] ?? webgpuLimits.maxStorageBuffersPerShaderStage,
    minStorageBufferOffsetAlignment:
      given["minStorageBufferOffsetAlignment"] ?? webgpuLimits.minStorageBufferOffsetAlignment,
    maxComputeWorkgroupStorageSize:
      given["maxComputeWorkgroupStorageSize"] ?? webgpuLimits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup:
      given["maxComputeInvocationsPerWorkgroup"] ?? webgpuLimits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: given["maxComputeWorkgroupSizeX"] ?? webgpuLimits.maxComputeWorkgroupSizeX,
    maxComputeWorkgroupSizeY: given["maxComputeWorkgroupSizeY"] ?? webgpuLimits.maxComputeWorkgroupSizeY,
    maxComputeWorkgroupSizeZ: given["maxComputeWorkgroupSizeZ"] ?? webgpuLimits.maxComputeWorkgroupSizeZ,
    maxComputeWorkgroupsPerDimension:
      given["maxComputeWorkgroupsPerDimension"] ?? webgpuLimits.maxComputeWorkgroupsPerDimension,
  };
}
