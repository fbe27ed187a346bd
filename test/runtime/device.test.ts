// Choosing a device, with fakes: which is taken, which is left out and why, and what is said when there is none.
import { expect, test } from "vitest";
import { isWanted, rank } from "../../runtime/device/choose.ts";
import { parseAdapterList, standardToggles } from "../../runtime/device/dawn.ts";
import type { FoundAdapter, Source, Toggles } from "../../runtime/device/dawn.ts";
import { readFacts } from "../../runtime/device/facts.ts";
import type { DeviceFacts } from "../../runtime/device/facts.ts";
import { listDevices, NoDeviceError, openDevice } from "../../runtime/device/open.ts";

/** Limits are inherited, as in Dawn and in browsers: the object has none of its own. */
const limits: unknown = Object.create({ maxBufferSize: 1024, maxBindGroups: 4 });

type Info = { architecture?: string; description?: string; isFallbackAdapter?: boolean };

function fakeDevice() {
  let lose: (loss: { reason: string; message: string }) => void = () => undefined;
  const lost = new Promise((resolve) => {
    lose = resolve;
  });
  const listeners: ((event: { error: { message: string } }) => void)[] = [];
  return {
    lost,
    destroyed: 0,
    addEventListener: (_type: string, listener: (typeof listeners)[number]) => listeners.push(listener),
    fail: (message: string) => listeners.forEach((listener) => listener({ error: { message } })),
    lose: (message: string) => lose({ reason: "unknown", message }),
    destroy() {
      this.destroyed += 1;
      lose({ reason: "destroyed", message: "" });
    },
  };
}

function adapter(name: string, info: Info = {}, device: unknown = fakeDevice()): FoundAdapter {
  const requested: GPUDeviceDescriptor[] = [];
  const fake = {
    info: { vendor: "", architecture: "", device: "", description: "", ...info },
    features: new Set(["timestamp-query", "shader-f16", "texture-compression-bc"]),
    limits,
    requested,
    requestDevice: (descriptor: GPUDeviceDescriptor) => {
      requested.push(descriptor);
      return device instanceof Error ? Promise.reject(device) : Promise.resolve(device);
    },
  };
  return { name, backend: "vulkan", adapter: fake as unknown as GPUAdapter };
}

function source(
  name: string,
  adapters: FoundAdapter[],
  problems: string[] = [],
): Source & { asked: Toggles[] } {
  const asked: Toggles[] = [];
  return {
    name,
    asked,
    find: (toggles) => {
      asked.push(toggles);
      return Promise.resolve({ adapters, problems });
    },
  };
}

const lavapipe = () => adapter("llvmpipe (LLVM 15.0.6, 256 bits)", { isFallbackAdapter: true });
const shader = () => adapter("SwiftShader", { architecture: "swiftshader", isFallbackAdapter: true });
const card = () => adapter("NVIDIA H100 80GB HBM3", { description: "NVIDIA: 580.159.04" });

function facts(found: FoundAdapter): DeviceFacts {
  return readFacts(found.adapter, found.name, found.backend);
}

test("what an adapter is comes from what it says of itself", () => {
  expect([card(), lavapipe(), shader()].map((found) => facts(found).kind)).toEqual([
    "gpu",
    "lavapipe",
    "swiftshader",
  ]);
  expect(facts(adapter("Microsoft Basic Render Driver")).kind).toBe("software");
  expect(facts(adapter("something", { isFallbackAdapter: true })).kind).toBe("software");
  expect(facts(card())).toMatchObject({
    name: "NVIDIA H100 80GB HBM3",
    isSoftware: false,
    driver: "NVIDIA: 580.159.04",
    limits: { maxBindGroups: 4, maxBufferSize: 1024 },
    features: ["shader-f16", "texture-compression-bc", "timestamp-query"],
    subgroupMatrices: [],
  });
});

test("a GPU comes before lavapipe, lavapipe before SwiftShader, and equals keep the driver's order", () => {
  const found = [shader(), lavapipe(), card(), adapter("AMD Radeon 780M")].map((each) => ({
    facts: facts(each),
  }));
  expect(rank(found, undefined).map((each) => each.facts.name)).toEqual([
    "NVIDIA H100 80GB HBM3",
    "AMD Radeon 780M",
    "llvmpipe (LLVM 15.0.6, 256 bits)",
    "SwiftShader",
  ]);
});

test.for([
  ["", "card lavapipe shader"],
  ["gpu", "card"],
  ["software", "lavapipe shader"],
  ["lavapipe", "lavapipe"],
  ["SwiftShader", "shader"],
  ["h100", "card"],
  ["580.159", "card"],
  ["llvmpipe", "lavapipe"],
  ["radeon", ""],
] as const)("asking for %j leaves %j", ([wanted, expected]) => {
  const all = { card: card(), lavapipe: lavapipe(), shader: shader() };
  const left = Object.entries(all).filter(([, found]) => isWanted(facts(found), wanted));
  expect(left.map(([name]) => name).join(" ")).toBe(expected);
});

test("the device is asked for full limits and for the features that kernels use, no others", async () => {
  const found = card();
  using opened = await openDevice({ adapter: "", sources: [source("system", [found])] });
  expect(opened.facts.name).toBe("NVIDIA H100 80GB HBM3");
  expect(opened.notice).toBeUndefined();
  expect(opened.why).toBe("a real GPU");
  expect((found.adapter as unknown as { requested: unknown[] }).requested).toEqual([
    {
      requiredLimits: { maxBindGroups: 4, maxBufferSize: 1024 },
      requiredFeatures: ["shader-f16", "timestamp-query"],
    },
  ]);
});

test("later sources are searched only when the earlier ones offer nothing wanted", async () => {
  const later = source("later", [shader()]);
  using first = await openDevice({ adapter: "", sources: [source("system", [lavapipe()]), later] });
  expect(first.facts.kind).toBe("lavapipe");
  expect(later.asked).toHaveLength(0);
  using second = await openDevice({
    adapter: "swiftshader",
    sources: [source("system", [lavapipe()]), later],
  });
  expect(second.facts.kind).toBe("swiftshader");
  expect(second.notice).toMatch(/SwiftShader is a software device/);
});

test("a device that does not open gives way to the next", async () => {
  const broken = adapter("Broken card", {}, new Error("driver says no"));
  using opened = await openDevice({ adapter: "", sources: [source("system", [broken, lavapipe()])] });
  expect(opened.facts.kind).toBe("lavapipe");
});

test("without a device the error says what was tried and what to do", async () => {
  const broken = adapter("Broken card", {}, new Error("driver says no"));
  const opening = openDevice({
    adapter: "",
    sources: [source("system", [broken]), source("SwiftShader", [], ["not installed"]), source("none", [])],
  });
  const error = await opening.catch((reason: unknown) => reason);
  if (!(error instanceof NoDeviceError)) throw new Error("expected a NoDeviceError");
  expect(error.attempts).toEqual([
    { source: "system", problem: "Broken card: driver says no" },
    { source: "SwiftShader", problem: "not installed" },
    { source: "none", problem: "no adapter" },
  ]);
  expect(error.message).toMatch(/^no usable device\n {2}tried system: Broken card: driver says no\n/);
});

test("a choice that nothing matches names what is there", async () => {
  const opening = openDevice({ adapter: "radeon", sources: [source("system", [card()])] });
  await expect(opening).rejects.toThrow(
    /^no usable device matches "radeon"\n {2}tried system: NVIDIA H100 80GB HBM3 is there/,
  );
});

test("the list opens nothing and marks what would be taken", async () => {
  const { devices, failed } = await listDevices({
    adapter: "",
    sources: [source("system", [lavapipe(), card()]), source("SwiftShader", [], ["not installed"])],
  });
  expect(devices.map(({ facts: { kind }, chosen, why }) => ({ kind, chosen, why }))).toEqual([
    { kind: "lavapipe", chosen: false, why: "NVIDIA H100 80GB HBM3 is preferred" },
    { kind: "gpu", chosen: true, why: "a real GPU" },
  ]);
  expect(failed).toEqual([{ source: "SwiftShader", problem: "not installed" }]);
});

test("toggles are added to the standard ones, and turning off wins", async () => {
  const system = source("system", [card()]);
  using _opened = await openDevice({
    adapter: "",
    toggles: ["disable_robustness", "allow_unsafe_apis"],
    disabledToggles: ["vulkan_enable_f16_on_nvidia"],
    sources: [system],
  });
  expect(standardToggles).toContain("vulkan_enable_f16_on_nvidia");
  expect(system.asked).toEqual([
    { enabled: ["allow_unsafe_apis", "disable_robustness"], disabled: ["vulkan_enable_f16_on_nvidia"] },
  ]);
});

test("a lost device says why, without rejecting, and errors are kept until they are asked for", async () => {
  const device = fakeDevice();
  const opened = await openDevice({
    adapter: "",
    sources: [source("system", [adapter("Card", {}, device)])],
  });
  device.fail("buffer is destroyed");
  expect(opened.takeErrors()).toEqual(["buffer is destroyed"]);
  expect(opened.takeErrors()).toEqual([]);
  device.lose("the driver was reset");
  await expect(opened.lost).resolves.toEqual({ reason: "unknown", message: "the driver was reset" });
  opened.close();
  opened.close();
  expect(device.destroyed).toBe(1);
});

test("Dawn's list of adapters is read from its message", () => {
  const message = [
    "no adapter with name '(list)' found",
    "Available adapters:",
    " * backend: 'vulkan', name: 'NVIDIA H100 80GB HBM3'",
    " * backend: 'opengl', name: 'Someone's card'",
  ].join("\n");
  expect(parseAdapterList(message)).toEqual([
    { backend: "vulkan", name: "NVIDIA H100 80GB HBM3" },
    { backend: "opengl", name: "Someone's card" },
  ]);
  expect(parseAdapterList("no suitable backends found\nAvailable adapters:")).toEqual([]);
});
