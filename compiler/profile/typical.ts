// Profiles of typical phones, laptops and desktop GPUs, for planning without one. Limits are what browsers were found to give there, each with
// its source; memory is an assumption that the recipe's `memory` replaces. A profile that `ftlc devices --save` writes is better.
import type { DeviceLimits, DeviceProfile } from "../plan/plan.ts";
import {
  desktopLimits,
  desktopTiles,
  gpuDecodedRows,
  gpuTransferRate,
  webgpu,
  webgpuLimits,
} from "./builtin.ts";

/** A profile, what it stands for, and where its limits come from. */
export interface TypicalProfile {
  readonly profile: DeviceProfile;
  readonly about: string;
  /** Addresses of pages and files. */
  readonly sources: readonly string[];
}

const GIB = 1024 ** 3;

/** Buckets of limits that Firefox gives, with examples of the hardware in each; read in 2026. */
const wgpuBuckets =
  "https://github.com/gfx-rs/wgpu/blob/01bc21cdcafe1131bd70c9b76b99927bb72e9ba6/wgpu-core/src/limits.rs";

/** What all of these buckets have. */
const common: DeviceLimits = {
  ...desktopLimits,
  maxBufferSize: GIB,
  maxStorageBufferBindingSize: GIB,
  maxStorageBuffersPerShaderStage: 16,
};

const gpu = (name: string, memory: number, limits: Partial<DeviceLimits>): DeviceProfile => ({
  name,
  limits: { ...common, ...limits },
  features: ["shader-f16", "subgroups"],
  memory,
  tiles: desktopTiles,
  decodedRows: gpuDecodedRows,
  transferRate: gpuTransferRate,
});

export const typicalProfiles: readonly TypicalProfile[] = [
  {
    profile: { ...webgpu, name: "android" },
    about: "an Android phone (Adreno, Mali) in Chrome: the defaults",
    sources: ["https://github.com/apache/tvm/pull/17150"],
  },
  {
    profile: {
      ...webgpu,
      name: "iphone",
      limits: { ...webgpuLimits, maxBufferSize: GIB },
      // A page is ended at 1.5 GiB in all.
      memory: GIB,
    },
    about: "an iPhone (16 Pro) in Safari",
    sources: ["https://github.com/WebKit/WebKit/pull/49472"],
  },
  {
    profile: gpu("apple", 8 * GIB, { maxStorageBuffersPerShaderStage: 9 }),
    about: "a laptop with an Apple M chip and 16 GiB",
    sources: [wgpuBuckets],
  },
  {
    profile: gpu("intel", 4 * GIB, { maxStorageBufferBindingSize: GIB / 2 }),
    about: "a laptop with Intel Iris Xe or Arc and 8 GiB",
    sources: [wgpuBuckets],
  },
  {
    profile: gpu("nvidia", 8 * GIB, { maxComputeWorkgroupStorageSize: 49_152 }),
    about: "a GeForce RTX (20 to 50 series) with 8 GiB",
    sources: [wgpuBuckets],
  },
  {
    profile: gpu("amd", 16 * GIB, {}),
    about: "a Radeon RX (6000 to 9000 series) with 16 GiB",
    sources: [wgpuBuckets],
  },
];
