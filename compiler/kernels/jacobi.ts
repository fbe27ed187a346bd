// The kernel of the library function diagonalized (stdlib/functions/singular.ftl is the meaning): Jacobi's method for one symmetric matrix in
// one workgroup. In each turn disjoint pairs of rows turn at once: first the angles of all pairs, then rows, then columns, with a barrier
// after each. On processors that pose as GPUs the workgroup is as wide as their vectors.
import type { KernelBinding } from "../plan/plan.ts";
import { isSerial } from "./draft.ts";
import type { Kernel, Layouts, LibraryKernel } from "./kernel.ts";

/** As in the meaning: how often every row meets every other. */
const sweeps = 10;

export const jacobi: LibraryKernel = {
  name: "jacobi",
  backward: undefined,
  choose(node, layouts, profile) {
    const [matrix] = node.inputs;
    const [size, columns] = matrix?.shape ?? [];
    const [vectors, turned] = node.outputs;
    if (size === undefined || size < 2 || size !== columns || vectors === undefined || turned === undefined)
      return undefined;
    if ([matrix, vectors, turned].some((value) => value?.type !== "f32") || layouts.inPlace.length > 0)
      return undefined;
    const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX, maxComputeWorkgroupStorageSize } =
      profile.limits;
    const memory = 8 * Math.floor(size / 2);
    if (memory > maxComputeWorkgroupStorageSize) return undefined;
    const most = Math.min(256, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX);
    const invocations = isSerial(profile) ? 16 : most;
    const strides = stridesOf(size, layouts);
    return [beginning(size, strides, invocations), turning(size, strides, invocations, memory)];
  },
};

/** Where the tensors of a call lie: elements from row to row. */
interface Strides {
  readonly given: number;
  readonly vectors: number;
  readonly turned: number;
}

function stridesOf(size: number, { inputStrides, outputStrides }: Layouts): Strides {
  return {
    given: inputStrides[0] ?? size,
    vectors: outputStrides[0] ?? size,
    turned: outputStrides[1] ?? size,
  };
}

/** Both results as they begin: the matrix itself, seen from the unit vectors. */
function beginning(size: number, strides: Strides, invocations: number): Kernel {
  const bindings = [
    binding("given", strides.given, size, { reads: true, writes: false }),
    binding("vectors", strides.vectors, size, { reads: false, writes: true }),
    binding("turned", strides.turned, size, { reads: false, writes: true }),
  ];
  const body = all(size * size, invocations, [
    `let row = at / ${size}u;`,
    `let column = at % ${size}u;`,
    `turned[row * ${strides.turned}u + column] = given[row * ${strides.given}u + column];`,
    `vectors[row * ${strides.vectors}u + column] = select(0.0f, 1.0f, row == column);`,
  ]);
  return {
    ...inOneWorkgroup("jacobi: as it begins", bindings, [], body, invocations),
    values: [
      { input: 0, output: undefined },
      { input: undefined, output: 0 },
      { input: undefined, output: 1 },
    ],
    workgroupMemory: 0,
    flops: 0,
    bytes: 12 * size * size,
  };
}

function turning(size: number, strides: Strides, invocations: number, memory: number): Kernel {
  const both = { reads: true, writes: true };
  const bindings = [
    binding("vectors", strides.vectors, size, both),
    binding("turned", strides.turned, size, both),
  ];
  const pairs = Math.floor(size / 2);
  const turns = size % 2 === 0 ? size - 1 : size;
  const globals = [
    `var<workgroup> cosines: array<f32, ${pairs}>;`,
    `var<workgroup> sines: array<f32, ${pairs}>;`,
    "",
    "// The rows that meet as a pair in a turn, the smaller first.",
    "fn met(pair: u32, turn: u32) -> vec2<u32> {",
    ...(size % 2 === 0
      ? [
          `  if (pair == 0u) { return vec2<u32>(turn, ${size - 1}u); }`,
          `  let one = (turn + pair) % ${turns}u;`,
          `  let other = (turn + ${turns}u - pair) % ${turns}u;`,
        ]
      : [
          `  let one = (turn + pair + 1u) % ${turns}u;`,
          `  let other = (turn + ${turns - 1}u - pair) % ${turns}u;`,
        ]),
    "  return vec2<u32>(min(one, other), max(one, other));",
    "}",
    "",
  ];
  const angles = [
    "let rows = met(at, turn);",
    `let first = turned[rows.x * ${strides.turned + 1}u];`,
    `let second = turned[rows.y * ${strides.turned + 1}u];`,
    `let cross = turned[rows.x * ${strides.turned}u + rows.y];`,
    "let idle = abs(cross) <= 1e-9f * (abs(first) + abs(second));",
    "let half = (second - first) / select(2.0f * cross, 1.0f, idle);",
    "let tangent = select(1.0f, -1.0f, half < 0.0f) / (abs(half) + sqrt(half * half + 1.0f));",
    "let cosine = select(inverseSqrt(tangent * tangent + 1.0f), 1.0f, idle);",
    "cosines[at] = cosine;",
    "sines[at] = select(tangent * cosine, 0.0f, idle);",
  ];
  const pair = [
    `let pair = at / ${size}u;`,
    `let place = at % ${size}u;`,
    "let met = met(pair, turn);",
    "let cosine = cosines[pair];",
    "let sine = sines[pair];",
  ];
  const body = [
    `for (var round = 0u; round < ${sweeps * turns}u; round += 1u) {`,
    `  let turn = round % ${turns}u;`,
    ...all(pairs, invocations, angles).map((line) => `  ${line}`),
    "  workgroupBarrier();",
    ...all(pairs * size, invocations, [
      ...pair,
      ...turn("turned", `met.x * ${strides.turned}u + place`, `met.y * ${strides.turned}u + place`),
      ...turn("vectors", `met.x * ${strides.vectors}u + place`, `met.y * ${strides.vectors}u + place`),
    ]).map((line) => `  ${line}`),
    "  storageBarrier();",
    ...all(pairs * size, invocations, [
      ...pair,
      ...turn("turned", `place * ${strides.turned}u + met.x`, `place * ${strides.turned}u + met.y`),
    ]).map((line) => `  ${line}`),
    "  storageBarrier();",
    "  workgroupBarrier();",
    "}",
  ];
  return {
    ...inOneWorkgroup("jacobi: eigenvectors of a symmetric matrix", bindings, globals, body, invocations),
    values: [
      { input: undefined, output: 0 },
      { input: undefined, output: 1 },
    ],
    workgroupMemory: memory,
    flops: sweeps * turns * pairs * size * 18,
    bytes: sweeps * turns * pairs * size * 24,
  };
}

/** Turns the pair of elements at two places against each other. */
function turn(name: string, first: string, second: string): readonly string[] {
  return [
    `let first_${name} = ${name}[${first}];`,
    `let second_${name} = ${name}[${second}];`,
    `${name}[${first}] = cosine * first_${name} - sine * second_${name};`,
    `${name}[${second}] = sine * first_${name} + cosine * second_${name};`,
  ];
}

/** The lines for each number below `count`, shared among the invocations. */
function all(count: number, invocations: number, body: readonly string[]): readonly string[] {
  return [
    `for (var at = local; at < ${count}u; at += ${invocations}u) {`,
    ...body.map((line) => `  ${line}`),
    "}",
  ];
}

function binding(
  name: string,
  stride: number,
  size: number,
  use: Pick<KernelBinding, "reads" | "writes">,
): KernelBinding {
  return { name, access: "read_write", ...use, bytes: 4 * ((size - 1) * stride + size) };
}

function inOneWorkgroup(
  about: string,
  bindings: readonly KernelBinding[],
  globals: readonly string[],
  body: readonly string[],
  invocations: number,
): Pick<Kernel, "about" | "wgsl" | "bindings" | "workgroupSize" | "workgroups" | "features"> {
  const wgsl = [
    ...bindings.map(
      ({ name }, index) => `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<f32>;`,
    ),
    ...globals,
    `@compute @workgroup_size(${invocations}, 1, 1)`,
    "fn main(@builtin(local_invocation_id) local_id: vec3<u32>) {",
    "  let local = local_id.x;",
    ...body.map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
  return { about, wgsl, bindings, workgroupSize: [invocations, 1, 1], workgroups: [1, 1, 1], features: [] };
}
