// The profiles that `device` and `--device` know by name, and the table of them in the README.
import type { DeviceProfile } from "../plan/plan.ts";
import { desktop, software, webgpu } from "./builtin.ts";
import { typicalProfiles, type TypicalProfile } from "./typical.ts";

const general: readonly TypicalProfile[] = [
  {
    profile: desktop,
    about: "a desktop GPU through Dawn: what `compile` plans for when nobody says",
    sources: [
      "https://github.com/google/dawn/blob/01d369136a552315c1d1193d766cd735cb6896e5/src/dawn/native/Limits.cpp",
    ],
  },
  {
    profile: webgpu,
    about: "what every implementation of WebGPU gives",
    sources: ["https://developer.mozilla.org/en-US/docs/Web/API/GPUSupportedLimits"],
  },
  {
    profile: software,
    about: "a processor that poses as a GPU, such as lavapipe",
    sources: [],
  },
];

const all: readonly TypicalProfile[] = [...general, ...typicalProfiles];

export const builtinProfiles: ReadonlyMap<string, DeviceProfile> = new Map(
  all.map(({ profile }) => [profile.name, profile]),
);

/** A table in Markdown: limits, the memory that is assumed, and sources. */
export function profileTable(): string {
  const rows = all.map(({ profile: { name, limits, features, memory }, about, sources }) => [
    `\`${name}\``,
    about,
    size(memory),
    size(limits.maxStorageBufferBindingSize),
    size(limits.maxBufferSize),
    String(limits.maxStorageBuffersPerShaderStage),
    size(limits.maxComputeWorkgroupStorageSize),
    features.length === 0 ? "–" : features.join(", "),
    sources.length === 0 ? "–" : sources.map((source, at) => `[${at + 1}](${source})`).join(" "),
  ]);
  const head = [
    "name",
    "stands for",
    "memory",
    "binding",
    "buffer",
    "buffers a stage",
    "workgroup",
    "features",
    "source",
  ];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function size(bytes: number): string {
  for (const [unit, name] of [
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
  ] as const)
    if (bytes >= unit - 4) return `${Math.round(bytes / unit)} ${name}`;
  return `${Math.round(bytes / 1024)} KiB`;
}
