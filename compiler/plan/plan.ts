// The plan: everything that a run needs, decided before a device is touched. Plain data that survives JSON unchanged, so that
// it can be hashed, saved, compared and checked by the verifier, which shares only this file with the planner.
//
// Device memory is a list of buffers. Every tensor lies at one place in one buffer for one lifetime: persistent ones (weights,
// optimizer state, …) for good, transient ones from the dispatch that writes them to the last that reads them, within one program.
// Programs run one at a time, so transient tensors of different programs may share bytes. Every dispatch binds tensors, not
// bytes; several tensors may be views of the same bytes only through `aliasOf`.
//
// Buffers of the host's memory hold variables that are offloaded. No dispatch binds those: a program's transfers bring them up into
// transient tensors of the device before they are used, and what was changed down again.
import type { ElementType, HeldTensor, ScalarExpression, StepRun } from "../ir/graph.ts";

export const planFormat = 1;

/** What the bytes are for. `by_kind` of the report sums these and the free bytes to the peak. */
export type MemoryKind = (typeof memoryKinds)[number];

export const memoryKinds = [
  "weights",
  "adapter",
  "gradients",
  "optimizer",
  "activations",
  "workspace",
  "constants",
  "io",
] as const;

/** A place in a `.ftl` file, drawn small: the plan outlives the sources. Lines and columns count from 1. */
export interface PlanSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Limits of WebGPU that a plan must respect, in the units of the specification. */
export interface DeviceLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly minStorageBufferOffsetAlignment: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupSizeY: number;
  readonly maxComputeWorkgroupSizeZ: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/** What the compiler knows of a device. Everything device-specific that any pass uses stands here. */
export interface DeviceProfile {
  readonly name: string;
  readonly limits: DeviceLimits;
  /** Features of WebGPU that kernels may use, such as "shader-f16", "subgroups". */
  readonly features: readonly string[];
  /** Bytes of device memory a job may use when the recipe names no budget. */
  readonly memory: number;
  /**
   * How a matrix product of a given size is tiled; the first entry whose `atLeast` [rows, columns, inner] all hold is taken.
   * `shared` tiles go through workgroup memory; `direct` ones do not, which suits processors that pose as GPUs.
   */
  readonly tiles: readonly Tile[];
  /**
   * A product with at most so many rows decodes weights that are held in a format where it reads them; with more, a kernel of its own
   * decodes them first, once for all of the product's tiles.
   */
  readonly decodedRows: number;
  /** Bytes a second between the host's memory and the device's, in one direction, for what a report foretells. */
  readonly transferRate: number;
}

export interface Tile {
  readonly kind: "shared" | "direct";
  readonly atLeast: readonly [number, number, number];
  /** Outputs of a workgroup. */
  readonly rows: number;
  readonly columns: number;
  /** Steps along the inner axis between barriers. */
  readonly inner: number;
  /** Outputs of one invocation. */
  readonly rowsEach: number;
  readonly columnsEach: number;
}

export interface PlanBuffer {
  readonly name: string;
  readonly memory: "device" | "host";
  /** Bytes; a multiple of 4, on the device at most its `maxBufferSize`. */
  readonly size: number;
}

/**
 * From the dispatch that first writes it to the last one that uses it, both included, by index in the program. What is brought up lives
 * from the dispatch before which that happens.
 */
export interface Lifetime {
  readonly program: string;
  readonly first: number;
  readonly last: number;
}

export interface PlanTensor {
  readonly name: string;
  readonly kind: MemoryKind;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Elements from one slice of the first axis to the next, where slices are aligned apart; otherwise their natural distance. */
  readonly stride: number;
  readonly buffer: number;
  /** Bytes from the start of the buffer, a multiple of the alignment. */
  readonly offset: number;
  /** Bytes that are bound: the elements with their strides, rounded up to 4. */
  readonly size: number;
  /** The tensor whose bytes this one shares (index in `tensors`): a reshape, a slice of a stack. Offsets lie inside it. */
  readonly aliasOf: number | undefined;
  /** `undefined`: persistent, as is everything in the host's memory. */
  readonly lifetime: Lifetime | undefined;
  /** Index in `spans`. */
  readonly span: number | undefined;
}

/** Where a persistent tensor's first value comes from; see `Initial` in `ir/graph.ts`. Several names stand one a part. */
export type PlanInitial =
  | { readonly from: "checkpoint" | "optional" | "adapter"; readonly names: readonly string[] }
  | { readonly from: "program" | "held" | "host" | "zero" }
  /** The bytes are `data` in base64: the elements of all parts in the stored type, little-endian, without padding. */
  | { readonly from: "table"; readonly data: string };

/**
 * A persistent tensor as the runtime sees it: `parts` are indices in `tensors`, one, or one a layer, all in one memory. Where a kernel
 * binds the whole stack, the parts are aliases of one tensor that holds them all, `stride` elements apart.
 */
export interface PlanVariable {
  readonly name: string;
  readonly kind: MemoryKind;
  readonly type: ElementType;
  /** Shape of all parts together; with `stack`, the first axis counts the parts. */
  readonly shape: readonly number[];
  readonly stack: boolean;
  readonly parts: readonly number[];
  /** The tensors in which each part lies, one behind the other in `parts`, where it is larger than a binding; 1 if unsaid. */
  readonly windows?: number | undefined;
  readonly initial: PlanInitial;
}

/**
 * A tensor of the checkpoint, or one a layer, that is held in a format: `programs[i]` takes what the host writes to the front of the
 * variable `staging` into part i of the variables `tensors`. Where files hold it encoded as `stored` says, the host writes these.
 */
export interface PlanHeld extends Omit<HeldTensor, "program"> {
  readonly programs: readonly string[];
}

export type Access = "read" | "read_write";

export interface KernelBinding {
  /** Name of the variable in the WGSL text: `@group(0) @binding(i)` in order. */
  readonly name: string;
  readonly access: Access;
  /** Whether the kernel reads, writes, or both. Arena bindings are declared `read_write` whatever they do. */
  readonly reads: boolean;
  readonly writes: boolean;
  /** Bytes that the kernel may touch from the binding's start. */
  readonly bytes: number;
}

export interface PlanKernel {
  /** Readable and unique in the plan, such as "matmul_3". */
  readonly name: string;
  /** What it computes, in a few words: the operations fused into it. */
  readonly about: string;
  readonly wgsl: string;
  /** SHA-256 of `wgsl` and the line "// workgroups: X Y Z", in hexadecimal. */
  readonly hash: string;
  readonly bindings: readonly KernelBinding[];
  readonly workgroupSize: readonly [number, number, number];
  /** The workgroups of every dispatch: with others its text would touch too little, or what is not its own. */
  readonly workgroups: readonly [number, number, number];
  /** Bytes of workgroup memory. */
  readonly workgroupMemory: number;
  /** Device features the text enables. */
  readonly features: readonly string[];
  /** Floating-point operations of one dispatch and bytes it reads and writes, for the report. */
  readonly flops: number;
  readonly bytes: number;
}

export interface Dispatch {
  /** Index in `kernels`. */
  readonly kernel: number;
  /** Indices in `tensors`, one for each of the kernel's bindings. */
  readonly tensors: readonly number[];
  /** Path of the part of the model it belongs to, with the layer's number. */
  readonly path: string;
  /** Index in `spans`. */
  readonly span: number | undefined;
}

/**
 * A copy between the two memories, made before the dispatch `before` (their number: after the last). `up`: what the host holds comes to
 * the device. `down`: what the program made of it goes back; the host holds it from then on.
 */
export interface Transfer {
  readonly direction: "up" | "down";
  readonly before: number;
  /** Indices in `tensors`: a variable's part in the host's memory, or all of its parts, and its place on the device meanwhile. */
  readonly host: number;
  readonly device: number;
}

export interface PlanProgram {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
  /** In the order in which they take effect: by `before`, and what goes down before what comes up. */
  readonly transfers: readonly Transfer[];
  /** Primitive operations that its dispatches compute; fusion makes this many into that few. */
  readonly operations: number;
  /** Largest sum of live sizes on the device, persistent ones included, each rounded up to the alignment. */
  readonly peakBytes: number;
  /** The first dispatch where that sum stands; −1 in a program without dispatches. */
  readonly peakAt: number;
}

/** One choice the compiler made, for the reader. */
export interface Decision {
  readonly what: string;
  readonly chosen: string;
  readonly why: string;
  readonly considered: readonly string[];
}

/** How the runtime is to feed a plan; sizes in rows and positions. */
export interface PlanJob {
  readonly batch: number;
  readonly accumulation: number;
  /** Rows of one micro-batch. */
  readonly rows: number;
  /** Positions of one row, `room` included. */
  readonly tokens: number;
  /** Positions that every document of a row leaves free in front, for adapters to fill; 0 where rows are not packed. */
  readonly room: number;
  readonly vocabulary: number;
  readonly learns: Learning;
  /** Ranks that are drawn in each step. */
  readonly ranks: readonly DrawnRank[];
}

/** A rank that the host draws in each step for an adapter with a range of them, both ends included. */
export interface DrawnRank {
  /** What the expressions of the step's scalars call it, such as "rank of dylora". */
  readonly name: string;
  /** The adapter's name in the recipe. */
  readonly adapter: string;
  readonly first: number;
  readonly last: number;
  readonly draw: RankDraw;
}

/** `geometric`: first + i with a probability proportional to (1 − p)^i. `listed`: one after the other, one a step, over and over. */
export type RankDraw =
  | { readonly kind: "uniform" }
  | { readonly kind: "geometric"; readonly p: number }
  | { readonly kind: "listed"; readonly ranks: readonly number[] };

/** What a batch is to bring beside its words, by the name of its variable. A batch's loss is divided by how many there are. */
export type Learning =
  /** The word after each position. */
  | { readonly kind: "targets" }
  /** The word at each position; `masking` hides words of rows that bring no labels. */
  | { readonly kind: "labels"; readonly masking: Masking | undefined }
  /** The class of each row, below `count`. */
  | { readonly kind: "classes"; readonly count: number };

/** The share of positions that are predicted; of these, the share that is hidden and the share whose word is exchanged. */
export interface Masking {
  readonly share: number;
  readonly hidden: number;
  readonly exchanged: number;
}

/** A plan that nobody has verified yet; the verifier gives it its hash. */
export type UnsealedPlan = Omit<Plan, "hash">;

export interface Plan {
  readonly format: typeof planFormat;
  readonly recipe: string;
  /** SHA-256 of the plan's canonical JSON with this field empty, in hexadecimal. */
  readonly hash: string;
  readonly device: DeviceProfile;
  /** Bytes allowed: the recipe's `memory`, else the device's. */
  readonly budget: number;
  /** All buffers of the device together, in bytes: what is allocated there. */
  readonly peakBytes: number;
  /** All buffers of the host together, in bytes. */
  readonly hostBytes: number;
  /** The largest sum of live sizes, persistent ones included, each rounded up to the alignment. */
  readonly lowerBoundBytes: number;
  readonly job: PlanJob;
  /** Elements of the model with its adapters, and of those that training changes. */
  readonly parameters: { readonly total: number; readonly trainable: number };
  readonly buffers: readonly PlanBuffer[];
  readonly tensors: readonly PlanTensor[];
  readonly variables: readonly PlanVariable[];
  readonly held: readonly PlanHeld[];
  readonly kernels: readonly PlanKernel[];
  readonly programs: readonly PlanProgram[];
  /** What one step of training runs, in order; other programs (evaluation, first values) run outside of steps. */
  readonly step: readonly StepRun[];
  /** In the order in which they lie in the variable "scalars". */
  readonly scalars: readonly { readonly name: string; readonly expression: ScalarExpression }[];
  readonly decisions: readonly Decision[];
  /** The places in files that tensors and dispatches come from. */
  readonly spans: readonly PlanSpan[];
}

/** How often one step runs a program: the accumulation for what every micro-batch runs, 0 for evaluation. */
export function timesPerStep({ step, job }: Pick<Plan, "step" | "job">, program: string): number {
  return step.reduce((times, run) => {
    if (run.program !== program) return times;
    return times + (run.each === "micro-batch" ? job.accumulation : 1);
  }, 0);
}
