// `ftlc devices`: what there is to run on, which device is used and why; `--save FILE` writes the profile of that one, to plan for it
// elsewhere. Holds: nothing is opened, so that looking costs nothing; with no device it ends with 4 and says what was tried.
import { writeFileSync } from "node:fs";
import { systemReason } from "../checkpoint/error.ts";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import { usedFeatures, type DeviceFacts } from "../device/facts.ts";
import { listDevices, type ListedDevice } from "../device/open.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { sizeText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

export interface DevicesOptions {
  readonly save: string | undefined;
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
  if (options.save !== undefined) save(options.save, chosen.facts, terminal);
  return exitCodes.done;
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

function save(path: string, facts: DeviceFacts, terminal: Terminal): void {
  try {
    writeFileSync(path, `${JSON.stringify(profileFromDevice(facts), undefined, 2)}\n`);
  } catch (error) {
    throw new Failure(`${path}: ${systemReason(error)}`);
  }
  terminal.err(`wrote the profile of ${facts.name} to ${path}`);
}
