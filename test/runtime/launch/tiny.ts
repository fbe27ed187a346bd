// A plan small enough to work out by hand: four weights w, each learned position p contributes (w[id] − 1)² to the loss. One kernel
// a program, one invocation each, so that every value is exact in f32 for the numbers that the tests use.
import { hashKernel } from "../../../compiler/plan/canonical.ts";
import type { Dispatch, Plan, PlanKernel, PlanTensor, PlanVariable } from "../../../compiler/plan/plan.ts";
import { seal, type Verified } from "../../../compiler/verify/verify.ts";
import { readKernelText } from "../../../compiler/verify/wgsl.ts";

const alignment = 256;

const limits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  minStorageBufferOffsetAlignment: alignment,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65535,
};

export interface TinyVariable {
  readonly name: string;
  readonly type?: PlanTensor["type"];
  readonly shape: readonly number[];
  readonly stack?: boolean;
  readonly kind?: PlanVariable["kind"];
  readonly initial?: PlanVariable["initial"];
}

export interface TinyKernel {
  readonly name: string;
  readonly wgsl: string;
  /** Names of variables, `name#part` for one part of a stack. */
  readonly binds: readonly string[];
  readonly workgroups?: readonly [number, number, number];
}

/** A plan of persistent variables, each part at a place of its own, and programs of one dispatch a kernel. */
export function tinyPlan(
  variables: readonly TinyVariable[],
  programs: Readonly<Record<string, readonly TinyKernel[]>>,
  job: Partial<Plan["job"]> = {},
  scalars: Plan["scalars"] = [],
): Plan {
  const tensors: PlanTensor[] = [];
  const places = new Map<string, number>();
  let end = 0;
  const listed = variables.map((variable): PlanVariable => {
    const {
      name,
      type = "f32",
      shape,
      stack = false,
      kind = "weights",
      initial = { from: "zero" },
    } = variable;
    const own = stack ? shape.slice(1) : shape;
    const parts = Array.from({ length: stack ? (shape[0] ?? 1) : 1 }, (_, part) => {
      const elements = own.reduce((product, size) => product * size, 1);
      const size = Math.ceil((elements * (type === "f16" || type === "bf16" ? 2 : 4)) / 4) * 4;
      const stride = elements / (own[0] ?? 1);
      const place = {
        buffer: 0,
        offset: end,
        size,
        aliasOf: undefined,
        lifetime: undefined,
        span: undefined,
      };
      tensors.push({ name: `${name}#${part}`, kind, type, shape: own, stride, ...place });
      places.set(`${name}#${part}`, tensors.length - 1);
      end = Math.ceil((end + size) / alignment) * alignment;
      return tensors.length - 1;
    });
    return { name, kind, type, shape, stack, parts, initial };
  });
  const kernels: PlanKernel[] = [];
  const list = Object.entries(programs).map(([name, own]) => {
    const dispatches = own.map((kernel): Dispatch => {
      const bound = kernel.binds.map((bind) => places.get(bind.includes("#") ? bind : `${bind}#0`) ?? -1);
      kernels.push(
        kernelOf(
          kernel,
          bound.map((index) => tensors[index]?.size ?? 0),
        ),
      );
      return { kernel: kernels.length - 1, tensors: bound, path: "", span: undefined };
    });
    return { name, dispatches, transfers: [], operations: 1, peakBytes: end, peakAt: 0 };
  });
  return {
    format: 1,
    recipe: "tiny",
    hash: "",
    device: {
      name: "tiny",
      limits,
      features: [],
      memory: 2 ** 30,
      tiles: [],
      decodedRows: 1,
      transferRate: 1e10,
    },
    budget: 2 ** 30,
    peakBytes: end,
    hostBytes: 0,
    lowerBoundBytes: end,
    job: {
      batch: 2,
      accumulation: 1,
      rows: 2,
      tokens: 4,
      room: 0,
      vocabulary: 4,
      learns: { kind: "targets" },
      ranks: [],
      ...job,
    },
    parameters: { total: 4, trainable: 4 },
    buffers: [{ name: "arena", memory: "device", size: end }],
    tensors,
    variables: listed,
    held: [],
    kernels,
    programs: list,
    step: [
      { program: "micro", each: "micro-batch" as const },
      { program: "update", each: "step" as const },
    ].filter(({ program }) => program in programs),
    scalars,
    decisions: [],
    spans: [],
  };
}

function kernelOf({ name, wgsl, workgroups = [1, 1, 1] }: TinyKernel, bytes: readonly number[]): PlanKernel {
  return {
    name,
    about: name,
    wgsl,
    hash: hashKernel({ wgsl, workgroups }),
    bindings: readKernelText(wgsl).bindings.map(({ name, reads, writes }, at) => {
      return { name, access: "read_write", reads, writes, bytes: bytes[at] ?? 0 };
    }),
    workgroupSize: [1, 1, 1],
    workgroups,
    workgroupMemory: 0,
    features: [],
    flops: 0,
    bytes: 0,
  };
}

/** The plan as the verifier passes it, with its hash made. */
export function verified(plan: Plan): Verified<Plan> {
  const { verified: passed, refusals } = seal(plan);
  if (passed === undefined)
    throw new Error(refusals.map(({ rule, message }) => `${rule}: ${message}`).join("\n"));
  return passed;
}

/** A plan that the verifier would refuse, to see what a device makes of it. */
export function unverified(plan: Plan): Verified<Plan> {
  return plan as Verified<Plan>;
}

/** `@group(0)` declarations of f32 or i32 arrays, in order, and a `main` of one invocation. */
export function single(bindings: Readonly<Record<string, "f32" | "i32" | "u32">>, body: string): string {
  const lines = Object.entries(bindings).map(
    ([name, type], index) => `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<${type}>;`,
  );
  return `${lines.join("\n")}\n@compute @workgroup_size(1) fn main() {\n${body}\n}`;
}

const scalarNames = ["targets", "rate"] as const;

/**
 * The training job: rate 1/4 at every step, plain gradient descent, `updates` counted on the device. The weights are drawn by the
 * program "initialize", (2, 3, 4, 5), or read from a checkpoint's tensor.
 */
export function trainingPlan(job: Partial<Plan["job"]> = {}, tensor?: string): Plan {
  const { rows, tokens } = { rows: 2, tokens: 4, ...job };
  const host = { kind: "io", initial: { from: "host" } } as const;
  const batch = ["ids", "targets", "positions", "segments"].map((name): TinyVariable => {
    return { name, type: "i32", shape: [rows, tokens], ...host };
  });
  const micro = single(
    { ids: "i32", targets: "i32", scalars: "f32", w: "f32", gradient: "f32", loss: "f32" },
    `for (var p = 0u; p < ${rows * tokens}u; p++) {
      if (targets[p] >= 0) {
        let d = w[ids[p]] - 1.0;
        loss[0] += d * d / scalars[0];
        gradient[ids[p]] += 2.0 * d / scalars[0];
      }
    }`,
  );
  const evaluate = single(
    { ids: "i32", targets: "i32", w: "f32", evaluation: "f32" },
    `var sum = 0.0;
    for (var p = 0u; p < ${rows * tokens}u; p++) {
      if (targets[p] >= 0) { let d = w[ids[p]] - 1.0; sum += d * d; }
    }
    evaluation[0] = sum;`,
  );
  const update = single(
    { scalars: "f32", w: "f32", gradient: "f32", loss: "f32", updates: "f32", report: "f32" },
    `var square = 0.0;
    for (var i = 0u; i < 4u; i++) { square += gradient[i] * gradient[i]; }
    for (var i = 0u; i < 4u; i++) { w[i] -= scalars[1] * gradient[i]; gradient[i] = 0.0; }
    updates[0] += 1.0;
    report[0] = loss[0]; report[1] = sqrt(square); report[2] = updates[0];
    loss[0] = 0.0;`,
  );
  const initialize = single({ w: "f32" }, `for (var i = 0u; i < 4u; i++) { w[i] = f32(i) + 2.0; }`);
  return tinyPlan(
    [
      ...batch,
      { name: "scalars", shape: [64], ...host },
      {
        name: "w",
        shape: [4],
        initial: tensor === undefined ? { from: "program" } : { from: "checkpoint", names: [tensor] },
      },
      { name: "gradient", shape: [4], kind: "gradients" },
      { name: "loss", shape: [], kind: "io" },
      { name: "report", shape: [3], kind: "io" },
      { name: "evaluation", shape: [], kind: "io" },
      { name: "updates", shape: [], kind: "optimizer" },
    ],
    {
      ...(tensor === undefined
        ? { initialize: [{ name: "initialize", wgsl: initialize, binds: ["w"] }] }
        : {}),
      micro: [{ name: "micro", wgsl: micro, binds: ["ids", "targets", "scalars", "w", "gradient", "loss"] }],
      update: [
        { name: "update", wgsl: update, binds: ["scalars", "w", "gradient", "loss", "updates", "report"] },
      ],
      evaluate: [{ name: "evaluate", wgsl: evaluate, binds: ["ids", "targets", "w", "evaluation"] }],
    },
    job,
    scalarNames.map((name) => ({ name, expression: name === "targets" ? { name } : 0.25 })),
  );
}
