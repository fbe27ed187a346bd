// Opens the device that programs run on, and lists those that there are.
// Comes in: what the user asked for. Goes out: a GPUDevice with the adapter's full limits and its facts, or a NoDeviceError.
// Holds: `lost` never rejects; a real GPU comes before a software device; SwiftShader is unpacked only when it is needed.
import { isWanted, rank, reasonFor } from "./choose.ts";
import { standardToggles, swiftShader, systemDrivers } from "./dawn.ts";
import type { FoundAdapter, Source, Toggles } from "./dawn.ts";
import { readFacts, usedFeatures } from "./facts.ts";
import type { DeviceFacts } from "./facts.ts";

export type DeviceOptions = {
  /** Which device: see `isWanted`. Without it the environment variable FTL_ADAPTER decides, then preference. */
  readonly adapter?: string | undefined;
  /** Dawn toggles to turn on beside the standard ones, such as `disable_robustness` for verified plans. */
  readonly toggles?: readonly string[];
  /** Dawn toggles to turn off; this wins over `toggles`. */
  readonly disabledToggles?: readonly string[];
  /** The limits to ask for, in place of all that the device has: it then refuses what is beyond them. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Where to look, in this order: later sources are searched only if the earlier ones offer nothing wanted. */
  readonly sources?: readonly Source[];
};

/** Why a device went away: `destroyed` is our own doing, `unknown` the driver's. */
export type Loss = { readonly reason: "destroyed" | "unknown"; readonly message: string };

export type OpenedDevice = {
  readonly device: GPUDevice;
  readonly facts: DeviceFacts;
  /** Why this one and no other. */
  readonly why: string;
  /** Something the user should read once, such as that a software device is slow. */
  readonly notice: string | undefined;
  /** Settles when the device goes away; never rejects. */
  readonly lost: Promise<Loss>;
  /** The errors that no error scope caught since the last call; after a clean step it is empty. */
  takeErrors(): string[];
  /** Destroys the device. Dawn may keep Node alive nevertheless: a command ends with process.exit. */
  close(): void;
  [Symbol.dispose](): void;
};

/** A device that `listDevices` found. */
export type ListedDevice = {
  readonly source: string;
  readonly facts: DeviceFacts;
  readonly chosen: boolean;
  readonly why: string;
};

/** A place that offered nothing usable, or a device that would not open, and the reason. */
export type FailedAttempt = { readonly source: string; readonly problem: string };

/** Nothing to run on. The command line ends with 4. */
export class NoDeviceError extends Error {
  override readonly name = "NoDeviceError";
  readonly attempts: readonly FailedAttempt[];

  constructor(wanted: string | undefined, attempts: readonly FailedAttempt[]) {
    const head = wanted === undefined ? "no usable device" : `no usable device matches "${wanted}"`;
    const tried = attempts.map(({ source, problem }) => `  tried ${source}: ${problem}`);
    super([head, ...tried, ...advice(wanted)].join("\n"));
    this.attempts = attempts;
  }
}

type Found = FoundAdapter & { readonly source: string; readonly facts: DeviceFacts };

/** Opens the best device there is, or the one asked for. Throws a NoDeviceError that says what was tried. */
export async function openDevice(options: DeviceOptions = {}): Promise<OpenedDevice> {
  const wanted = wantedAdapter(options);
  const attempts: FailedAttempt[] = [];
  for (const source of options.sources ?? allSources) {
    const { found, failed } = await search(source, togglesOf(options));
    attempts.push(...failed);
    for (const { facts } of found.filter((each) => !isWanted(each.facts, wanted))) {
      attempts.push({ source: source.name, problem: `${facts.name} is there, but not what was asked for` });
    }
    for (const candidate of rank(found, wanted)) {
      try {
        return await open(candidate, reasonFor(candidate.facts, wanted), options.limits);
      } catch (error) {
        attempts.push({ source: source.name, problem: `${candidate.facts.name}: ${messageOf(error)}` });
      }
    }
  }
  throw new NoDeviceError(wanted, attempts);
}

/** Looks everywhere and opens nothing: every device, which one `openDevice` would take, and what went wrong. */
export async function listDevices(
  options: DeviceOptions = {},
): Promise<{ readonly devices: readonly ListedDevice[]; readonly failed: readonly FailedAttempt[] }> {
  const wanted = wantedAdapter(options);
  const found: Found[] = [];
  const failed: FailedAttempt[] = [];
  let chosen: Found | undefined;
  for (const source of options.sources ?? allSources) {
    const result = await search(source, togglesOf(options));
    found.push(...result.found);
    failed.push(...result.failed);
    chosen ??= rank(result.found, wanted)[0];
  }
  const devices = found.map((candidate) => ({
    source: candidate.source,
    facts: candidate.facts,
    chosen: candidate === chosen,
    why:
      candidate === chosen
        ? reasonFor(candidate.facts, wanted)
        : isWanted(candidate.facts, wanted)
          ? `${chosen?.facts.name ?? "another"} is preferred`
          : "not what was asked for",
  }));
  return { devices, failed };
}

const allSources: readonly Source[] = [systemDrivers, swiftShader];

function wantedAdapter(options: DeviceOptions): string | undefined {
  const wanted = options.adapter ?? process.env["FTL_ADAPTER"];
  return wanted === undefined || wanted.trim() === "" ? undefined : wanted.trim();
}

function togglesOf({ toggles = [], disabledToggles = [] }: DeviceOptions): Toggles {
  const enabled = [...new Set([...standardToggles, ...toggles])];
  return { enabled: enabled.filter((name) => !disabledToggles.includes(name)), disabled: disabledToggles };
}

async function search(
  source: Source,
  toggles: Toggles,
): Promise<{ readonly found: readonly Found[]; readonly failed: readonly FailedAttempt[] }> {
  const { adapters, problems } = await source.find(toggles);
  const lines = adapters.length === 0 && problems.length === 0 ? ["no adapter"] : problems;
  return {
    found: adapters.map((each) => ({
      ...each,
      source: source.name,
      facts: readFacts(each.adapter, each.name, each.backend),
    })),
    failed: lines.map((problem) => ({ source: source.name, problem })),
  };
}

async function open(
  candidate: Found,
  why: string,
  limits: Readonly<Record<string, number>> | undefined,
): Promise<OpenedDevice> {
  const { adapter, facts } = candidate;
  const device = await adapter.requestDevice({
    requiredLimits: limits ?? facts.limits,
    // The experimental feature's name is not among the standard ones.
    requiredFeatures: usedFeatures.filter((name) => facts.features.includes(name)) as GPUFeatureName[],
  });
  let closed = false;
  const errors: string[] = [];
  device.addEventListener("uncapturederror", ({ error }) => errors.push(error.message));
  const close = (): void => {
    if (!closed) device.destroy();
    closed = true;
  };
  return {
    device,
    facts,
    why,
    notice: facts.isSoftware ? slowNotice(facts) : undefined,
    lost: device.lost.then(({ reason, message }) => ({
      reason: reason === "destroyed" ? "destroyed" : "unknown",
      message,
    })),
    takeErrors: () => errors.splice(0),
    close,
    [Symbol.dispose]: close,
  };
}

function slowNotice({ name }: DeviceFacts): string {
  return `${name} is a software device: results are right, but it is far slower than a GPU`;
}

function advice(wanted: string | undefined): string[] {
  if (wanted !== undefined)
    return ["`ftlc devices` lists what there is; without a choice the best one is taken"];
  if (process.platform !== "linux") return ["install or update the driver of the GPU"];
  return [
    "for a GPU install its Vulkan driver and the Vulkan loader (libvulkan1);",
    "for a software device install Mesa 24 or newer (mesa-vulkan-drivers; older ones are refused),",
    "or the npm package @sparticuz/chromium, which brings SwiftShader for Linux on x64",
  ];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
