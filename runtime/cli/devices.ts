// `ftlc devices`: what there is to run on, which device is used and why; `--save FILE` writes the profile of that one, to plan for it
// elsewhere, `--measure` first tries on it what cannot be known otherwise. Holds: without `--measure` nothing is opened, so that looking
// costs nothing; with no device it ends with 4 and says what was tried.
import { writeFileSync } from "node:fs";
import { systemReason } from "../checkpoint/error.ts";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import type { DeviceProfile } from "../../compiler/plan/plan.ts";
import { usedFeatures } from "../device/facts.ts";
import { measureDecoding, onGpu, onProcessor } from "../device/measure.ts";
import { listDevices, openDevice, type ListedDevice } from "../device/open.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { sizeText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

export interface DevicesOptions {
  readonly save: string | undefined;
  readonly measure: boolean;
  readonly json: boolean;
}

export async function devices(options: DevicesOptions, terminal: Terminal): Promise<ExitCode> {
  const { devices: found, failed } = await listDevices();
  const chosen = found.find((device) => device.chosen);
  if (options.json) terminal.out(JSON.stringify({ devices: found, failed }, undefined, 2));
  else {
    terminal.out(found.map((device) => describe(device, terminal)).join("\n"));
    for (const { source, problem } of failed) terminal.err(`tried ${source}: ${problem}`);
  }
  if (chosen === undefined) {
    if (!options.json) terminal.err("no usable device");
    return exitCodes.noDevice;
  }
  if (!options.measure && options.save === undefined) return exitCodes.done;
  const profile = options.measure ? await measured(terminal) : profileFromDevice(chosen.facts);
  if (options.save !== undefined) save(options.save, profile, terminal);
  return exitCodes.done;
}

async function measured(terminal: Terminal): Promise<DeviceProfile> {
  using opened = await openDevice();
  const { device, facts } = opened;
  terminal.err(`measuring ${facts.name}: weights in nf4, decoded in the product or before it`);
  const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(3)} ms`.padStart(12);
  terminal.err("rows  in the product        before");
  const { profile } = await measureDecoding(device, profileFromDevice(facts), {
    ...(facts.isSoftware ? onProcessor : onGpu),
    clock: () => performance.now() / 1000,
    onMeasured: ({ rows, inProduct, apart }) =>
      terminal.err(`${String(rows).padStart(4)}  ${milliseconds(inProduct)}    ${milliseconds(apart)}`),
  });
  terminal.err(`products of up to ${profile.decodedRows} rows decode by themselves`);
  return profile;
}

function describe(
  { facts, source, chosen, why }: ListedDevice,
  { outColors: { bold, dim } }: Terminal,
): string {
  const { limits } = facts;
  const limit = (name: string): number => limits[name] ?? 0;
  const kind = facts.isSoftware ? "software" : "GPU";
  return [
    `${chosen ? "*" : " "} ${bold(facts.name)}  ${kind}, ${facts.backend}, ${source}`,
    `    ${chosen ? "used" : "not used"}: ${why}`,
    `    ${dim("driver")}    ${facts.driver}`,
    `    ${dim("limits")}    binding ${sizeText(limit("maxStorageBufferBindingSize"))}, buffer ${sizeText(limit("maxBufferSize"))}, ` +
      `${limit("maxStorageBuffersPerShaderStage")} storage buffers, workgroups of ${limit("maxComputeInvocationsPerWorkgroup")} ` +
      `with ${sizeText(limit("maxComputeWorkgroupStorageSize"))}`,
    `    ${dim("features")}  ${facts.features.filter((name) => usedFeatures.includes(name)).join(", ") || "none that kernels use"}`,
  ].join("\n");
}

function save(path: string, profile: DeviceProfile, terminal: Terminal): void {
  try {
    writeFileSync(path, `${JSON.stringify(profile, undefined, 2)}\n`);
  } catch (error) {
    throw new Failure(`${path}: ${systemReason(error)}`);
  }
  terminal.err(`wrote the profile of ${profile.name} to ${path}`);
}
