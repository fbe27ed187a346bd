// How much memory of the GPU this process really holds, driver and context included, where the system tells. Comes in: who made the GPU.
// Goes out: bytes and who told them, or undefined. Three tell: Linux's own drivers, client by client, in /proc/self/fdinfo (the kernel's
// "DRM client usage stats"); nvidia-smi, process by process; and where it cannot see processes, as in containers, which have process
// numbers of their own, the card's memory in use less what was in use before the device was opened, which other work on the card changes.
// Holds: nobody is asked about a software device, whose memory is the host's; what cannot be asked or read is not told.
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface MemoryFound {
  readonly bytes: number;
  /** `card`: all that the cards hold now and did not before. */
  readonly by: "nvidia-smi" | "fdinfo" | "card";
}

export interface RealMemory {
  /** Asks the system. */
  readonly read: () => Promise<MemoryFound | undefined>;
  /** What it said last. */
  readonly latest: () => MemoryFound | undefined;
}

/** What is asked of the device's facts. */
export interface Maker {
  readonly vendor: string;
  readonly isSoftware: boolean;
}

/** Where answers come from; tests bring others. */
export interface System {
  /** Standard output of nvidia-smi with these arguments. */
  readonly nvidiaSmi: (args: readonly string[]) => Promise<string | undefined>;
  /** The texts of /proc/self/fdinfo. */
  readonly fileInfos: () => Promise<readonly string[]>;
  readonly process: number;
}

/** To be called before the device is opened: then it notes what the cards hold without it. */
export async function realMemory(system: System = thisSystem): Promise<(device: Maker) => RealMemory> {
  const before = cardBytes(await system.nvidiaSmi(cardQuery));
  return ({ vendor, isSoftware }) => {
    let latest: MemoryFound | undefined;
    const read = async (): Promise<MemoryFound | undefined> => {
      if (isSoftware) return undefined;
      latest = (await ofClients(system, vendor)) ?? (await ofNvidia(system, before));
      return latest;
    };
    return { read, latest: () => latest };
  };
}

const processQuery = ["--query-compute-apps=pid,used_gpu_memory", "--format=csv,noheader,nounits"];
const cardQuery = ["--query-gpu=memory.used", "--format=csv,noheader,nounits"];
const mebibyte = 2 ** 20;

async function ofNvidia(system: System, before: number | undefined): Promise<MemoryFound | undefined> {
  if (before === undefined) return undefined;
  const own = processBytes((await system.nvidiaSmi(processQuery)) ?? "", system.process);
  if (own !== undefined) return { bytes: own, by: "nvidia-smi" };
  const now = cardBytes(await system.nvidiaSmi(cardQuery));
  return now === undefined ? undefined : { bytes: Math.max(0, now - before), by: "card" };
}

/** Of lines "PID, MiB", a line for each card that the process is on; drivers that do not say it write "[N/A]". */
export function processBytes(text: string, process: number): number | undefined {
  const found = text.split("\n").flatMap((line) => {
    const [id, size] = line.split(",").map((cell) => Number(cell.trim() || NaN));
    return id === process && size !== undefined && Number.isFinite(size) ? [size * mebibyte] : [];
  });
  return found.length === 0 ? undefined : found.reduce((sum, bytes) => sum + bytes, 0);
}

/** Of lines with the MiB of a card, all cards together. */
function cardBytes(text: string | undefined): number | undefined {
  const cards = (text ?? "").split("\n").flatMap((line) => (line.trim() === "" ? [] : [Number(line)]));
  const sum = cards.reduce((total, size) => total + size * mebibyte, 0);
  return cards.length === 0 || Number.isNaN(sum) ? undefined : sum;
}

/** The kernel's drivers of a maker's GPUs: a laptop's other GPU is open too and holds next to nothing of ours. */
const drivers: ReadonlyMap<string, readonly string[]> = new Map([
  ["amd", ["amdgpu", "radeon"]],
  ["intel", ["i915", "xe"]],
  ["nvidia", ["nouveau"]],
  ["arm", ["panfrost", "panthor"]],
  ["qualcomm", ["msm"]],
]);

async function ofClients(system: System, vendor: string): Promise<MemoryFound | undefined> {
  const wanted = drivers.get(vendor.toLowerCase());
  const bytes = wanted === undefined ? undefined : clientBytes(await system.fileInfos(), wanted);
  return bytes === undefined ? undefined : { bytes, by: "fdinfo" };
}

/**
 * What the clients of these drivers hold in all memory that the GPU reaches. Several open files may be one client. `resident` is the
 * newer name of `memory`, and amdgpu writes both; its region "cpu" is what was moved out of reach.
 */
export function clientBytes(infos: readonly string[], wanted: readonly string[]): number | undefined {
  const clients = new Map<string, number>();
  for (const info of infos) {
    const fields = new Map(
      [...info.matchAll(/^(drm-[\w-]+):\s*(.*?)\s*$/gm)].map(([, key = "", value = ""]) => [key, value]),
    );
    const client = fields.get("drm-client-id");
    if (client === undefined || !wanted.includes(fields.get("drm-driver") ?? "")) continue;
    const of = (what: string): readonly number[] =>
      [...fields].flatMap(([key, value]) =>
        key.startsWith(`drm-${what}-`) && key !== `drm-${what}-cpu` ? [sizeOf(value)] : [],
      );
    const resident = of("resident");
    const regions = resident.length > 0 ? resident : of("memory");
    if (regions.length === 0) continue;
    const key = `${fields.get("drm-pdev") ?? ""} ${client}`;
    clients.set(
      key,
      regions.reduce((sum, bytes) => sum + bytes, 0),
    );
  }
  return clients.size === 0 ? undefined : [...clients.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** "6044 KiB", "2 MiB", "512". */
function sizeOf(text: string): number {
  const [, digits = "0", unit] = /^(\d+)\s*(KiB|MiB)?$/.exec(text) ?? [];
  return Number(digits) * (unit === "KiB" ? 2 ** 10 : unit === "MiB" ? mebibyte : 1);
}

const thisSystem: System = {
  process: process.pid,
  nvidiaSmi: (args) =>
    new Promise((resolve) => {
      execFile("nvidia-smi", args, { encoding: "utf8", timeout: 5000, windowsHide: true }, (error, text) =>
        resolve(error === null ? text : undefined),
      );
    }),
  fileInfos: async () => {
    const folder = "/proc/self/fdinfo";
    // A file may be closed between listing and reading.
    const names = await readdir(folder).catch(() => []);
    return Promise.all(names.map((name) => readFile(join(folder, name), "utf8").catch(() => "")));
  },
};
