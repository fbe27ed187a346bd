// Kernels that only look like kernels: one dispatch a fused node, with text whose bindings, sizes and accesses are right and
// whose arithmetic is none. Scheduling, planning and verifying see nothing else of a kernel.
import { bytesOf, sizeOf, type Node, type TensorType } from "../../../compiler/ir/graph.ts";
import type { Kernel, Layouts } from "../../../compiler/kernels/kernel.ts";
import type { DeviceProfile, KernelBinding } from "../../../compiler/plan/plan.ts";
import type { KernelSource } from "../../../compiler/plan/choice.ts";

export const desktop: DeviceProfile = {
  name: "desktop",
  limits: {
    maxBufferSize: 2 ** 31,
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxStorageBuffersPerShaderStage: 16,
    minStorageBufferOffsetAlignment: 256,
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupSizeX: 1024,
    maxComputeWorkgroupSizeY: 1024,
    maxComputeWorkgroupSizeZ: 64,
    maxComputeWorkgroupsPerDimension: 65535,
  },
  features: ["shader-f16"],
  memory: 2 ** 33,
  tiles: [],
  decodedRows: 1,
  transferRate: 1e10,
};

function bytes({ shape, type }: TensorType, stride: number | undefined): number {
  const elements =
    stride === undefined ? sizeOf(shape) : ((shape[0] ?? 1) - 1) * stride + sizeOf(shape.slice(1));
  return Math.ceil((elements * bytesOf[type]) / 4) * 4;
}

/** The node's kernel: it reads all inputs and writes all outputs. Pairs may share bytes when the attribute `inPlace` lists them. */
function choose(node: Node, layouts: Layouts): readonly Kernel[] {
  const bindings: KernelBinding[] = [];
  const values: { input: number | undefined; output: number | undefined }[] = [];
  const over = new Map(layouts.inPlace.map(([output, input]) => [input, output]));
  node.inputs.forEach((value, input) => {
    const output = over.get(input);
    const size = bytes(value, layouts.inputStrides[input]);
    bindings.push({
      name: `in${input}`,
      access: "read_write",
      reads: true,
      writes: output !== undefined,
      bytes: size,
    });
    values.push({ input, output });
  });
  node.outputs.forEach((value, output) => {
    if (layouts.inPlace.some(([made]) => made === output)) return;
    const size = bytes(value, layouts.outputStrides[output]);
    bindings.push({ name: `out${output}`, access: "read_write", reads: false, writes: true, bytes: size });
    values.push({ input: undefined, output });
  });
  const label = String(node.attributes["label"] ?? "copy");
  const declared = bindings.map(
    ({ name }, index) => `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<u32>;`,
  );
  const body = bindings.map(({ name, reads, writes }) => {
    if (reads && writes) return `  ${name}[i] = ${name}[i] + 1u;`;
    return writes ? `  ${name}[i] = 0u;` : `  sum += ${name}[i];`;
  });
  const wgsl = [
    `// ${label} ${bindings.map(({ bytes }) => bytes).join(" ")}`,
    ...declared,
    "@compute @workgroup_size(64, 1, 1)",
    "fn main(@builtin(global_invocation_id) id: vec3<u32>) {",
    "  let i = id.x;",
    "  var sum = 0u;",
    ...body,
    "}",
    "",
  ].join("\n");
  const size = Math.max(...node.outputs.map(({ shape }) => sizeOf(shape)));
  const workgroups = Math.ceil(size / 64);
  return [
    {
      about: label,
      wgsl,
      bindings,
      values,
      workgroupSize: [64, 1, 1],
      workgroups: [Math.min(workgroups, 65535), Math.ceil(workgroups / 65535), 1],
      workgroupMemory: 0,
      features: [],
      flops: size,
      bytes: bindings.reduce((sum, { bytes }) => sum + bytes, 0),
    },
  ];
}

export const fakeKernels: KernelSource = {
  choose,
  inPlaceCandidates: (node) => {
    const pairs = node.attributes["inPlace"];
    if (!Array.isArray(pairs)) return [];
    return pairs.map((pair): readonly [number, number] =>
      Array.isArray(pair) ? [Number(pair[0]), Number(pair[1])] : [0, 0],
    );
  },
};
