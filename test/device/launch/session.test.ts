// A plan on the device that is there: exact values, nothing allocated after launch, parts, padding, losses.
import { expect, test } from "vitest";
import { openDevice } from "../../../runtime/device/open.ts";
import { DeviceError } from "../../../runtime/device/scopes.ts";
import { launch, UnfitDeviceError } from "../../../runtime/launch/session.ts";
import { DeviceLostError } from "../../../runtime/launch/watch.ts";
import { single, tinyPlan, trainingPlan, unverified, verified } from "../../runtime/launch/tiny.ts";

/** Counts the buffers that are made from now on. */
function counting(device: GPUDevice): { readonly made: () => number } {
  const make = device.createBuffer.bind(device);
  let made = 0;
  Object.defineProperty(device, "createBuffer", {
    value: (descriptor: GPUBufferDescriptor) => {
      made += 1;
      return make(descriptor);
    },
  });
  return { made: () => made };
}

test("a step computes exact values and allocates nothing", async () => {
  using opened = await openDevice();
  const counted = counting(opened.device);
  const compiled: number[] = [];
  const session = await launch(verified(trainingPlan()), opened.device, {
    onCompiled: (done) => compiled.push(done),
  });
  const afterLaunch = counted.made();
  const { buffers, stagingBuffers, bytes } = session.allocated();
  expect(buffers + stagingBuffers).toBe(afterLaunch);
  expect(bytes).toBe(session.plan.peakBytes);
  expect(compiled).toEqual([0, 1, 2, 3, 4]);

  await session.run("initialize");
  expect([...(await session.read("w"))]).toEqual([2, 3, 4, 5]);
  const scalars = new Float32Array(64);
  scalars.set([4, 0.25]);
  await session.write("scalars", scalars);
  await session.write("ids", Int32Array.of(0, 1, 2, 3, 0, 0, 0, 0));
  await session.write("targets", Int32Array.of(1, 1, 1, 1, -100, -100, -100, -100));
  await session.run("micro");
  await session.run("update");
  // Σ (1, 4, 9, 16) / 4; gradient 2 (1, 2, 3, 4) / 4.
  const report = session.read("report");
  await session.run("micro");
  await session.run("update");
  const second = session.read("report");
  expect([...(await report)]).toEqual([7.5, Math.fround(Math.sqrt(7.5)), 1]);
  expect((await second)[2]).toBe(2);
  session.clear("w");
  expect([...(await session.read("w"))]).toEqual([0, 0, 0, 0]);
  await session.done();
  expect(counted.made()).toBe(afterLaunch);
  expect(opened.takeErrors()).toEqual([]);
  session.close();
});

test("parts are written and read in pieces smaller than they are, in 16 bits too", async () => {
  using opened = await openDevice();
  const plan = tinyPlan(
    [
      { name: "stack", shape: [3, 37], stack: true },
      { name: "halves", shape: [2, 5], stack: true, type: "f16" },
    ],
    { add: [{ name: "add", wgsl: single({ a: "f32" }, "a[1] += 1.0;"), binds: ["stack#1"] }] },
  );
  const session = await launch(verified(plan), opened.device, { staging: 24 });
  const values = Float32Array.from({ length: 3 * 37 }, (_, index) => index);
  await session.write("stack", values);
  await session.run("add");
  values[38] = 39;
  expect(await session.read("stack")).toEqual(values);

  const halves = Uint16Array.of(1, 2, 3, 4, 5);
  await session.writePart("halves", 1, 0, new Uint8Array(halves.buffer, 0, 4));
  await session.writePart("halves", 1, 4, new Uint8Array(halves.buffer, 4, 6));
  const read: number[] = [];
  for await (const piece of session.readPart("halves", 1)) read.push(...piece);
  expect(read).toEqual([...new Uint8Array(halves.buffer)]);
  const before: number[] = [];
  for await (const piece of session.readPart("halves", 0)) before.push(...piece);
  expect(before).toEqual(Array.from({ length: 10 }, () => 0));
  await expect(session.writePart("halves", 1, 2, new Uint8Array(4))).rejects.toThrow("multiples of 4");
  await expect(session.writePart("halves", 0, 8, new Uint8Array(4))).rejects.toThrow("it has 10");
  await expect(session.write("stack", new Float32Array(4))).rejects.toThrow("444 bytes, 16 were given");
  await expect(session.write("none", new Float32Array(4))).rejects.toThrow("no variable 'none'");
  await session.done();
  session.close();
});

test("reads beyond the number of readback buffers wait for one", async () => {
  using opened = await openDevice();
  const session = await launch(verified(trainingPlan()), opened.device);
  await session.run("initialize");
  const all = await Promise.all(Array.from({ length: 7 }, () => session.read("w")));
  for (const values of all) expect([...values]).toEqual([2, 3, 4, 5]);
  session.close();
});

test("a kernel that is not WGSL is named", async () => {
  using opened = await openDevice();
  const plan = tinyPlan([{ name: "w", shape: [4] }], {
    bad: [{ name: "bad_1", wgsl: "fn main( {", binds: ["w"] }],
  });
  await expect(launch(unverified(plan), opened.device)).rejects.toThrow(DeviceError);
  const layout = single({ w: "f32", more: "f32" }, "w[0] = more[0];");
  const wrong = tinyPlan([{ name: "w", shape: [4] }], {
    bad: [{ name: "bad_2", wgsl: layout, binds: ["w"] }],
  });
  const kernels = wrong.kernels.map((kernel) => ({ ...kernel, bindings: kernel.bindings.slice(1) }));
  await expect(launch(unverified({ ...wrong, kernels }), opened.device)).rejects.toThrow(
    "compiling kernel 'bad_2'",
  );
  expect(opened.takeErrors()).toEqual([]);
});

test("too little memory is told at launch, and what was allocated is freed", async () => {
  using opened = await openDevice();
  const { device } = opened;
  const [make, pop] = [device.createBuffer.bind(device), device.popErrorScope.bind(device)];
  let alive = 0;
  let pops = 0;
  Object.defineProperty(device, "createBuffer", {
    value: (descriptor: GPUBufferDescriptor) => {
      const buffer = make(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      alive += 1;
      Object.defineProperty(buffer, "destroy", {
        value: () => {
          alive -= 1;
          destroy();
        },
      });
      return buffer;
    },
  });
  // A software device promises more memory than there is; a driver that refuses is played. Scopes come off innermost first.
  Object.defineProperty(device, "popErrorScope", {
    value: async () => {
      const error = await pop();
      pops += 1;
      return pops === 2 ? { message: "no memory" } : error;
    },
  });
  await expect(launch(verified(trainingPlan()), device)).rejects.toMatchObject({
    name: "DeviceError",
    kind: "out-of-memory",
  });
  expect(pops).toBe(3);
  expect(alive).toBe(0);
});

test("a device that lacks what the plan uses is refused with all of it", async () => {
  using opened = await openDevice();
  const plan = trainingPlan();
  const kernels = plan.kernels.map((kernel) => ({ ...kernel, features: ["unheard-of"] }));
  const huge = {
    ...plan,
    kernels,
    buffers: [...plan.buffers, { name: "huge", memory: "device" as const, size: 2 ** 52 }],
  };
  const refused = await launch(unverified(huge), opened.device).catch((cause: unknown) => cause);
  expect(refused).toBeInstanceOf(UnfitDeviceError);
  expect(refused).toMatchObject({
    missing: [expect.stringContaining("maxBufferSize"), expect.stringContaining("unheard-of")],
  });
});

test("a lost device rejects what waits and what comes, with its reason", async () => {
  using opened = await openDevice();
  const session = await launch(verified(trainingPlan()), opened.device);
  await session.run("initialize");
  const pending = session.read("w");
  opened.device.destroy();
  await expect(pending).rejects.toThrow(DeviceLostError);
  await expect(session.read("w")).rejects.toThrow("destroyed");
  await expect(session.done()).rejects.toThrow(DeviceLostError);
  await expect(session.run("micro")).rejects.toThrow(DeviceLostError);
});
