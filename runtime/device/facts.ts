// What an adapter is, as plain data: comes in as a GPUAdapter, goes out as DeviceFacts.
// Holds: facts are JSON (no host objects), names in a fixed order, so that two looks at one device are equal.

/** One shape of matrix product that subgroups compute together, as the driver lists it: result[M, N] += left[M, K] right[K, N]. */
export type SubgroupMatrixShape = {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
};

/** What executes: a real GPU, or one of the software devices (`software` is any other, such as Windows' WARP). */
export type DeviceKind = "gpu" | "lavapipe" | "swiftshader" | "software";

/** All that the rest of the runtime knows of a device. */
export type DeviceFacts = {
  /** The name that the driver gives, such as `NVIDIA H100 80GB HBM3`. */
  readonly name: string;
  readonly kind: DeviceKind;
  readonly isSoftware: boolean;
  /** The API underneath: `vulkan`, `metal`, `d3d12`, ... */
  readonly backend: string;
  readonly vendor: string;
  readonly architecture: string;
  /** The driver and its version in its own words. */
  readonly driver: string;
  /** Every numeric limit of the adapter, by its WebGPU name, in alphabetical order. */
  readonly limits: Readonly<Record<string, number>>;
  /** Every feature of the adapter, in alphabetical order. */
  readonly features: readonly string[];
  /** Smallest and largest number of invocations in a subgroup, as far as the driver says. */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Empty without subgroup matrices. */
  readonly subgroupMatrices: readonly SubgroupMatrixShape[];
};

/** The features that kernels can use, and therefore the only ones asked of a device. */
export const usedFeatures: readonly string[] = [
  "shader-f16",
  "subgroups",
  "subgroup-size-control",
  "chromium-experimental-subgroup-matrix",
  "timestamp-query",
];

/** Dawn has these before the standard does; the types do not know them. */
type NewerInfo = {
  readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixShape>;
};

/** Reads everything that is known of an adapter. `name` is the driver's own where the caller knows it. */
export function readFacts(adapter: GPUAdapter, name: string | undefined, backend: string): DeviceFacts {
  const info: GPUAdapterInfo & NewerInfo = adapter.info;
  const kind = kindOf(info, name ?? "");
  const features = [...adapter.features].map(String).toSorted();
  return {
    name: name ?? (info.device || info.description || info.vendor || "unnamed"),
    kind,
    isSoftware: kind !== "gpu",
    backend,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    limits: readLimits(adapter.limits),
    features,
    subgroups: readSubgroups(info),
    subgroupMatrices: [...(info.subgroupMatrixConfigs ?? [])].map(
      ({ componentType, resultComponentType, M, N, K }) => ({ componentType, resultComponentType, M, N, K }),
    ),
  };
}

function kindOf(info: GPUAdapterInfo & NewerInfo, name: string): DeviceKind {
  const words = `${name} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  if (words.includes("llvmpipe") || words.includes("lavapipe")) return "lavapipe";
  if (words.includes("swiftshader")) return "swiftshader";
  const software = (info.isFallbackAdapter ?? false) || /microsoft basic render|\bwarp\b/.test(words);
  return software ? "software" : "gpu";
}

function readSubgroups({
  subgroupMinSize: min,
  subgroupMaxSize: max,
}: GPUAdapterInfo): DeviceFacts["subgroups"] {
  return min === undefined || max === undefined ? undefined : { min, max };
}

/** Limits are getters on the prototype, so neither spreading nor Object.keys sees them. */
function readLimits(limits: GPUSupportedLimits): Record<string, number> {
  const found: [string, number][] = [];
  // oxlint-disable-next-line guard-for-in -- inherited properties are what is wanted
  for (const name in limits) {
    const value: unknown = Reflect.get(limits, name);
    if (typeof value === "number") found.push([name, value]);
  }
  return Object.fromEntries(found.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
