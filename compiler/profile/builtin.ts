// Profiles to plan for without a device. What they assume is what they say; a profile saved from a real device is better.
import type { DeviceLimits, DeviceProfile, Tile } from "../plan/plan.ts";

/** What every implementation of WebGPU offers without asking for more. */
export const webgpuLimits: DeviceLimits = {
  maxBufferSize: 268_435_456,
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  minStorageBufferOffsetAlignment: 256,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65_535,
};

/** What desktop GPUs give when asked (NVIDIA, AMD and Apple through Dawn, 2025): just under 2 GiB in one buffer. */
export const desktopLimits: DeviceLimits = {
  ...webgpuLimits,
  maxBufferSize: 2_147_483_644,
  maxStorageBufferBindingSize: 2_147_483_644,
  maxStorageBuffersPerShaderStage: 10,
  maxComputeWorkgroupStorageSize: 32_768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
};

const small: readonly Tile[] = [
  { kind: "shared", atLeast: [64, 48, 1], rows: 64, columns: 64, inner: 16, rowsEach: 4, columnsEach: 4 },
  { kind: "shared", atLeast: [64, 1, 1], rows: 128, columns: 16, inner: 16, rowsEach: 8, columnsEach: 4 },
  { kind: "shared", atLeast: [1, 64, 1], rows: 16, columns: 128, inner: 16, rowsEach: 4, columnsEach: 8 },
  { kind: "shared", atLeast: [1, 1, 1], rows: 32, columns: 32, inner: 16, rowsEach: 4, columnsEach: 4 },
];

/** For GPUs with 32 KiB of workgroup memory. */
export const desktopTiles: readonly Tile[] = [
  { kind: "shared", atLeast: [256, 256, 1], rows: 128, columns: 128, inner: 16, rowsEach: 8, columnsEach: 8 },
  ...small,
];

/** For GPUs with the 16 KiB that WebGPU promises. */
export const webgpuTiles: readonly Tile[] = [
  { kind: "shared", atLeast: [256, 256, 1], rows: 128, columns: 128, inner: 8, rowsEach: 8, columnsEach: 8 },
  ...small,
];

/**
 * For processors that pose as GPUs: the invocations of a workgroup side by side share their rows, so that those are read once
 * for all. Measured on lavapipe (2 cores, 256 × 352 × 128): 7.5 GFLOP/s; SwiftShader about a fifth of it.
 */
export const softwareTiles: readonly Tile[] = [
  { kind: "direct", atLeast: [8, 32, 1], rows: 8, columns: 64, inner: 4, rowsEach: 8, columnsEach: 4 },
  { kind: "direct", atLeast: [1, 32, 1], rows: 4, columns: 64, inner: 4, rowsEach: 4, columnsEach: 4 },
  { kind: "direct", atLeast: [32, 8, 1], rows: 32, columns: 16, inner: 4, rowsEach: 8, columnsEach: 4 },
  { kind: "direct", atLeast: [64, 1, 1], rows: 64, columns: 4, inner: 4, rowsEach: 4, columnsEach: 4 },
  { kind: "direct", atLeast: [1, 1, 1], rows: 16, columns: 16, inner: 4, rowsEach: 4, columnsEach: 4 },
];

/**
 * Rows of one tile: up to so many every element of a weight is read once in any case, and decoding it elsewhere would write and
 * read it once more. Processors decode in kernels of their own: their drivers take long over products that branch.
 */
export const gpuDecodedRows = 128;
export const softwareDecodedRows = 1;

/**
 * Bytes a second, a processor's copy into staging memory included: a desktop's PCI Express 4.0 x16 brings 25 GB/s, of which about half is
 * reached; phones and processors copy within one memory.
 */
export const gpuTransferRate = 12_000_000_000;
export const sharedTransferRate = 6_000_000_000;

const GIB = 1024 ** 3;

/** A desktop GPU with 24 GiB: what `compile` plans for when nobody says. */
export const desktop: DeviceProfile = {
  name: "desktop",
  limits: desktopLimits,
  features: [],
  memory: 24 * GIB,
  tiles: desktopTiles,
  decodedRows: gpuDecodedRows,
  transferRate: gpuTransferRate,
};

/** A browser or phone that gives the defaults of WebGPU and no more, with 4 GiB. */
export const webgpu: DeviceProfile = {
  name: "webgpu",
  limits: webgpuLimits,
  features: [],
  memory: 4 * GIB,
  tiles: webgpuTiles,
  decodedRows: gpuDecodedRows,
  transferRate: sharedTransferRate,
};

/** A software device with 8 GiB, such as lavapipe. */
export const software: DeviceProfile = {
  name: "software",
  limits: { ...webgpuLimits, maxBufferSize: 2_147_483_644, maxStorageBufferBindingSize: 134_217_728 },
  features: [],
  memory: 8 * GIB,
  tiles: softwareTiles,
  decodedRows: softwareDecodedRows,
  transferRate: sharedTransferRate,
};
