// The device that is there: opens, computes exact values, reports errors where they belong, and goes away quietly.
import { expect, test } from "vitest";
import { listDevices, openDevice } from "../../runtime/device/open.ts";
import { DeviceError, guarded } from "../../runtime/device/scopes.ts";

const doubling = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&values)) { values[id.x] = values[id.x] * 2u + 1u; }
}`;

test("a compute shader gives exact values", async () => {
  using opened = await openDevice();
  const { device } = opened;
  const input = Uint32Array.from({ length: 1000 }, (_, index) => index * 7);
  const buffer = device.createBuffer({
    size: input.byteLength,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const readback = device.createBuffer({
    size: input.byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code: doubling }) },
  });
  await guarded(device, "doubling", () => {
    device.queue.writeBuffer(buffer, 0, input);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer } }],
      }),
    );
    pass.dispatchWorkgroups(Math.ceil(input.length / 64));
    pass.end();
    encoder.copyBufferToBuffer(buffer, 0, readback, 0, input.byteLength);
    device.queue.submit([encoder.finish()]);
  });
  await readback.mapAsync(GPUMapMode.READ);
  expect([...new Uint32Array(readback.getMappedRange())]).toEqual([...input].map((value) => value * 2 + 1));
  expect(opened.takeErrors()).toEqual([]);
});

test("the device has the adapter's full limits and the features that kernels use", async () => {
  using opened = await openDevice();
  const { device, facts } = opened;
  for (const name of [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxComputeWorkgroupStorageSize",
  ] as const) {
    expect(device.limits[name]).toBe(facts.limits[name]);
  }
  expect(device.features.has("shader-f16")).toBe(facts.features.includes("shader-f16"));
  expect(device.features.has("subgroups")).toBe(facts.features.includes("subgroups"));
});

test("an error is reported to the call that caused it, with its kind", async () => {
  using opened = await openDevice();
  const { device } = opened;
  const wrong = guarded(device, "making a buffer", () => device.createBuffer({ size: 4, usage: 0 }));
  await expect(wrong).rejects.toThrow(DeviceError);
  await expect(wrong).rejects.toMatchObject({ kind: "validation", during: "making a buffer" });
  const thrown = guarded(device, "nothing", () => {
    throw new Error("from the action");
  });
  await expect(thrown).rejects.toThrow("from the action");
  await expect(guarded(device, "after both", () => 7)).resolves.toBe(7);
  expect(opened.takeErrors()).toEqual([]);
});

test("an error outside any scope is kept until it is asked for", async () => {
  using opened = await openDevice();
  opened.device.createBuffer({ size: 4, usage: 0 });
  await opened.device.queue.onSubmittedWorkDone();
  expect(opened.takeErrors()).toHaveLength(1);
  expect(opened.takeErrors()).toEqual([]);
});

test("a closed device is lost without rejecting", async () => {
  const opened = await openDevice();
  opened.close();
  opened.close();
  await expect(opened.lost).resolves.toMatchObject({ reason: "destroyed" });
});

test("the list holds the device that opens, and says why", async () => {
  const { devices } = await listDevices();
  using opened = await openDevice();
  expect(devices.filter(({ chosen }) => chosen).map(({ facts }) => facts)).toEqual([opened.facts]);
  expect(structuredClone(opened.facts)).toEqual(opened.facts);
  expect(opened.why).not.toBe("");
});
