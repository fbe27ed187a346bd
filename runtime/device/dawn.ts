// Dawn, the WebGPU implementation that the npm package `webgpu` brings to Node: the only file that knows its flags.
// Comes in: where to look (the system's drivers, or the SwiftShader that npm brought). Goes out: adapters, or problems in words.
// Holds: a source never throws; the environment is as before when a function returns; a Dawn instance, once made, lives
// until the process ends (see `instances`).
import { constants, tmpdir } from "node:os";
import type * as Dawn from "webgpu";
import { unpackSwiftShader } from "./swiftshader.ts";

/** An adapter that can be opened once. */
export type FoundAdapter = {
  readonly name: string | undefined;
  readonly backend: string;
  readonly adapter: GPUAdapter;
};

/** A place to look for adapters. */
export type Source = {
  /** What was searched, for people. */
  readonly name: string;
  /** Finds what is there; what went wrong comes back as lines of text. */
  find(toggles: Toggles): Promise<{
    readonly adapters: readonly FoundAdapter[];
    readonly problems: readonly string[];
  }>;
};

/** Dawn's own switches, by the names in its Toggles.cpp. */
export type Toggles = { readonly enabled: readonly string[]; readonly disabled: readonly string[] };

/**
 * What every device is opened with: subgroup matrices count as unsafe until they are standard, and Dawn hides
 * shader-f16 on NVIDIA because of conformance failures that the kernels' self-test must look for.
 */
export const standardToggles: readonly string[] = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"];

/** A name that no driver has: asking for it makes Dawn list those that exist, which it offers in no other way. */
const noSuchName = "(list)";

/** What the system's own drivers offer: Vulkan, Metal or Direct3D. */
export const systemDrivers: Source = {
  name: "system drivers",
  async find(toggles) {
    const problems: string[] = [];
    const adapters: FoundAdapter[] = [];
    try {
      for (const { backend, name } of await listNames(toggles)) {
        const adapter = await requestAdapter(toggles, [`backend=${backend}`, `adapter=${name}`]);
        if (adapter === null) problems.push(`${name} (${backend}) was listed but could not be opened`);
        else adapters.push({ name, backend, adapter });
      }
    } catch (error) {
      problems.push(firstLine(error));
    }
    return { adapters, problems };
  },
};

/** The software device that npm brings; unpacked to a cache folder on first use. Linux on x64 only. */
export const swiftShader: Source = {
  name: "SwiftShader",
  async find(toggles) {
    try {
      const files = await unpackSwiftShader();
      const look = (attempt: string) => requestAdapter(toggles, ["backend=vulkan"], files.driver, attempt);
      let adapter = await look("with the system's loader");
      if (adapter === null) {
        // There is no Vulkan loader on this system: the one that comes with SwiftShader takes its place.
        keepLibrary(files.loader);
        adapter = await look("with the loader that npm brought");
      }
      if (adapter === null) return { adapters: [], problems: ["its driver was refused"] };
      return { adapters: [{ name: "SwiftShader", backend: "vulkan", adapter }], problems: [] };
    } catch (error) {
      return { adapters: [], problems: [firstLine(error)] };
    }
  },
};

/** Reads Dawn's list of adapters: lines of the form ` * backend: 'vulkan', name: 'NVIDIA H100'`, best first. */
export function parseAdapterList(message: string): { backend: string; name: string }[] {
  return [...message.matchAll(/^ *\* backend: '([^']*)', name: '(.*)'$/gm)].map((match) => ({
    backend: match[1] ?? "",
    name: match[2] ?? "",
  }));
}

async function listNames(toggles: Toggles): Promise<{ backend: string; name: string }[]> {
  try {
    await requestAdapter(toggles, [`adapter=${noSuchName}`]);
    return [];
  } catch (error) {
    return parseAdapterList(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Dawn's instances, by what they were made with. They are kept on purpose: when one is collected while objects made
 * from it still wait to be, the process dies (a crash in one run of six, before). Nothing else is shared through this.
 */
const instances = new Map<string, GPU>();

/**
 * Asks Dawn for an adapter. `driver` is the description of a Vulkan driver to use in place of the system's. An instance
 * looks for drivers once, so another `attempt` with the same flags needs another instance.
 */
async function requestAdapter(
  toggles: Toggles,
  flags: readonly string[],
  driver?: string,
  attempt = "",
): Promise<GPUAdapter | null> {
  const { create } = await loadDawn();
  const allFlags = [
    ...flags,
    ...(toggles.enabled.length > 0 ? [`enable-dawn-features=${toggles.enabled.join(",")}`] : []),
    ...(toggles.disabled.length > 0 ? [`disable-dawn-features=${toggles.disabled.join(",")}`] : []),
  ];
  // Dawn looks for drivers on the first request, before the promise is returned.
  const request = () => {
    const key = JSON.stringify([driver, attempt, allFlags]);
    const instance = instances.get(key) ?? create(allFlags);
    instances.set(key, instance);
    return instance.requestAdapter({ powerPreference: "high-performance" });
  };
  return driver === undefined ? request() : withEnvironment("VK_DRIVER_FILES", driver, request);
}

/** Loads Dawn and defines the constants that browsers have (GPUBufferUsage and the like), where they are missing. */
async function loadDawn(): Promise<typeof Dawn> {
  if (process.platform === "linux") process.env["XDG_RUNTIME_DIR"] ??= tmpdir();
  const dawn = await import("webgpu");
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  return dawn;
}

/** Runs with one environment variable set. It reaches native code from the main thread only, not from workers. */
function withEnvironment<T>(name: string, value: string, action: () => T): T {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return action();
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
}

/**
 * Loads a native library that is no Node module and keeps it, so that a later search for its name finds it. Node
 * closes what does not register itself as a module; RTLD_NODELETE, the same number on every Linux, outlives that.
 */
function keepLibrary(path: string): void {
  const noDelete = 0x1000;
  const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | noDelete;
  try {
    process.dlopen({ exports: {} }, path, flags);
  } catch {
    // Always: "Module did not self-register". If it was not loaded either, Dawn finds no loader and says so.
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? text;
}
