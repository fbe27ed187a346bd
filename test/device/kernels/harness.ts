// Runs the kernels of a fused node on a device and gives back its outputs; builds fused nodes for regions; compares with the
// meaning in float64. Outputs are filled with NaN first, so that an element nobody wrote is seen.
import { applyAll, parameter } from "../../../compiler/ir/build.ts";
import type { ElementType, Node, Region, TensorType, Value } from "../../../compiler/ir/graph.ts";
import { bytesOf, sizeOf } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { chooseKernel } from "../../../compiler/kernels/choose.ts";
import { plainLayouts, type Kernel, type Layouts } from "../../../compiler/kernels/kernel.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { round } from "../../../compiler/ops/rounding.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openDevice, type OpenedDevice } from "../../../runtime/device/open.ts";

/** A device, its profile, and the kernels already compiled for it. */
export interface Bench extends Disposable {
  readonly opened: OpenedDevice;
  readonly profile: DeviceProfile;
  readonly pipelines: Map<string, GPUComputePipeline>;
}

export async function openBench(): Promise<Bench> {
  const opened = await openDevice();
  const profile = profileFromDevice(opened.facts);
  return { opened, profile, pipelines: new Map(), [Symbol.dispose]: () => opened.close() };
}

/** A fused node around a region built by `body` on parameters of the given types. */
export function fusedNode(
  template: string,
  types: readonly TensorType[],
  body: (inputs: readonly Value[]) => readonly Value[],
): Node {
  const parameters = types.map((type, index) => parameter(type, `p${index}`));
  return fuseRegion(template, { parameters, results: body(parameters) });
}

export function fuseRegion(template: string, region: Region): Node {
  const outer = region.parameters.map((each, index) => parameter(each, `outer${index}`));
  const [first] = applyAll("fused", outer, { template }, [region]);
  if (first === undefined) throw new Error("a fused node without results");
  return first.node;
}

/** What the node's outputs are on the device. */
export async function runNode(
  bench: Bench,
  node: Node,
  inputs: readonly Tensor[],
  layouts: Layouts = plainLayouts,
  profile: DeviceProfile = bench.profile,
): Promise<Tensor[]> {
  const kernels = chooseKernel(node, layouts, profile);
  return runKernels(bench, kernels, node, inputs, layouts);
}

export async function runKernels(
  bench: Bench,
  kernels: readonly Kernel[],
  node: Node,
  inputs: readonly Tensor[],
  layouts: Layouts = plainLayouts,
): Promise<Tensor[]> {
  const { device } = bench.opened;
  const made: GPUBuffer[] = [];
  const upload = (bytes: Uint8Array<ArrayBuffer>): GPUBuffer => {
    const buffer = device.createBuffer({
      size: Math.max(4, bytes.byteLength),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, bytes);
    made.push(buffer);
    return buffer;
  };
  const inputBuffers = node.inputs.map((value, index) =>
    upload(encode(inputs[index]?.data ?? new Float64Array(), value, layouts.inputStrides[index])),
  );
  const outputBuffers = node.outputs.map((value, index) => {
    const over = layouts.inPlace.find(([output]) => output === index)?.[1];
    const shared = over === undefined ? undefined : inputBuffers[over];
    return shared ?? upload(poison(value, layouts.outputStrides[index]));
  });
  const encoder = device.createCommandEncoder();
  for (const kernel of kernels) {
    let pipeline = bench.pipelines.get(kernel.wgsl);
    if (pipeline === undefined) {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ code: kernel.wgsl });
      pipeline = device.createComputePipeline({
        layout: device.createPipelineLayout({
          bindGroupLayouts: [
            device.createBindGroupLayout({
              entries: kernel.bindings.map((_, binding) => ({
                binding,
                visibility: GPUShaderStage.COMPUTE,
                buffer: { type: "storage" },
              })),
            }),
          ],
        }),
        compute: { module, entryPoint: "main" },
      });
      const error = await device.popErrorScope();
      if (error !== null) throw new Error(`${error.message}\n${numbered(kernel.wgsl)}`);
      bench.pipelines.set(kernel.wgsl, pipeline);
    }
    const entries = kernel.values.map(({ input, output }, binding) => {
      const buffer = output === undefined ? inputBuffers[input ?? -1] : outputBuffers[output];
      if (buffer === undefined) throw new Error("a binding of nothing");
      const size = kernel.bindings[binding]?.bytes ?? 0;
      if (size > buffer.size) throw new Error(`binding ${binding} touches ${size} bytes of ${buffer.size}`);
      return { binding, resource: { buffer } };
    });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
  }
  device.queue.submit([encoder.finish()]);
  const results: Tensor[] = [];
  for (const [index, value] of node.outputs.entries()) {
    const buffer = outputBuffers[index];
    if (buffer === undefined) throw new Error("an output without a buffer");
    results.push({
      shape: value.shape,
      data: decode(await download(device, buffer), value, layouts.outputStrides[index]),
    });
  }
  for (const buffer of made) buffer.destroy();
  const errors = bench.opened.takeErrors();
  if (errors.length > 0) throw new Error(errors.join("\n"));
  return results;
}

async function download(device: GPUDevice, buffer: GPUBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const readback = device.createBuffer({
    size: buffer.size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, readback, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const bytes = new Uint8Array(readback.getMappedRange()).slice();
  readback.destroy();
  return bytes;
}

/** The largest error of each result against the meaning in float64, relative to the size of that result's numbers. */
export async function errorsOf(
  bench: Bench,
  node: Node,
  inputs: readonly Tensor[],
  layouts: Layouts = plainLayouts,
  profile: DeviceProfile = bench.profile,
): Promise<number[]> {
  const [region] = node.regions;
  if (region === undefined) throw new Error("no region");
  const expected = interpret(region, inputs);
  const found = await runNode(bench, node, inputs, layouts, profile);
  return expected.map((tensor, index) => relativeError(found[index], tensor));
}

export function relativeError(found: Tensor | undefined, expected: Tensor): number {
  const scale = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-20);
  let worst = 0;
  for (const [index, value] of expected.data.entries()) {
    const other = found?.data[index] ?? Number.NaN;
    const error = Math.abs(other - value) / scale;
    if (!(error <= worst)) worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst;
}

function positions({ shape }: TensorType, stride: number | undefined): (index: number) => number {
  const inner = sizeOf(shape.slice(1));
  if (stride === undefined || shape.length === 0) return (index) => index;
  return (index) => Math.floor(index / inner) * stride + (index % inner);
}

function lengthOf(type: TensorType, stride: number | undefined): number {
  const size = sizeOf(type.shape);
  return size === 0 ? 0 : positions(type, stride)(size - 1) + 1;
}

export function encode(data: Float64Array, type: TensorType, stride?: number): Uint8Array<ArrayBuffer> {
  const at = positions(type, stride);
  const bytes = new Uint8Array(Math.ceil((lengthOf(type, stride) * bytesOf[type.type]) / 4) * 4);
  const view = new DataView(bytes.buffer);
  data.forEach((value, index) => {
    const place = at(index) * bytesOf[type.type];
    write(view, place, value, type.type);
  });
  return bytes;
}

function write(view: DataView, place: number, value: number, type: ElementType): void {
  if (type === "f32") view.setFloat32(place, value, true);
  else if (type === "i32") view.setInt32(place, value, true);
  else if (type === "u32") view.setUint32(place, value, true);
  else if (type === "f16") view.setUint16(place, f16Bits(round(value, "f16")), true);
  else {
    const word = new DataView(new ArrayBuffer(4));
    word.setFloat32(0, round(value, "bf16"));
    view.setUint16(place, word.getUint16(0), true);
  }
}

function f16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  if (!Number.isFinite(size)) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const fraction = Math.round(size * 2 ** (10 - exponent));
  return sign | (fraction < 1024 ? fraction : ((exponent + 15) << 10) + (fraction - 1024));
}

function f16Value(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function poison(type: TensorType, stride: number | undefined): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil((lengthOf(type, stride) * bytesOf[type.type]) / 4) * 4);
  return bytes.fill(0xff);
}

function decode(bytes: Uint8Array<ArrayBuffer>, type: TensorType, stride: number | undefined): Float64Array {
  const view = new DataView(bytes.buffer);
  const at = positions(type, stride);
  return Float64Array.from({ length: sizeOf(type.shape) }, (_, index) => {
    const place = at(index) * bytesOf[type.type];
    switch (type.type) {
      case "f32":
        return view.getFloat32(place, true);
      case "i32":
        return view.getInt32(place, true);
      case "u32":
      case "bool":
        return view.getUint32(place, true);
      case "f16":
        return f16Value(view.getUint16(place, true));
      case "bf16": {
        const word = new DataView(new ArrayBuffer(4));
        word.setUint16(0, view.getUint16(place, true));
        return word.getFloat32(0);
      }
      default:
        return type.type satisfies never;
    }
  });
}

function numbered(text: string): string {
  return text
    .split("\n")
    .map((line, index) => `${String(index + 1).padStart(4)} ${line}`)
    .join("\n");
}
