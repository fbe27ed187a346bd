// Reads a plan from JSON that anybody may have written. Checks the form of everything, says where what is missing or wrong, and
// leaves meaning to the verifier. What the form does not know is refused: nothing passes unread.
import {
  boolean,
  count,
  listOf,
  number,
  oneOf,
  optional,
  record,
  string,
  triple,
  whole,
  type Form,
} from "./form.ts";
import { memoryKinds, planFormat, type Learning, type Masking, type Plan, type RankDraw } from "./plan.ts";

export type PlanReading = { readonly plan: Plan } | { readonly problems: readonly string[] };

/** Problems that are listed; a file that is no plan at all has a problem in every line. */
const most = 50;

export function readPlan(text: string): PlanReading {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problems: [`the plan is no JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const problems: string[] = [];
  const read = plan(json, "", problems);
  return problems.length === 0 ? { plan: read } : { problems: problems.slice(0, most) };
}

const kind = oneOf(...memoryKinds);
const type = oneOf("f32", "f16", "bf16", "i32", "u32", "bool");
const shape = listOf(count);
const span = record<Plan["spans"][number]>({ file: string, line: whole(1), column: whole(1) });

const limits = record<Plan["device"]["limits"]>({
  maxBufferSize: count,
  maxStorageBufferBindingSize: count,
  maxStorageBuffersPerShaderStage: count,
  minStorageBufferOffsetAlignment: whole(4),
  maxComputeWorkgroupStorageSize: count,
  maxComputeInvocationsPerWorkgroup: count,
  maxComputeWorkgroupSizeX: count,
  maxComputeWorkgroupSizeY: count,
  maxComputeWorkgroupSizeZ: count,
  maxComputeWorkgroupsPerDimension: count,
});

const tile = record<Plan["device"]["tiles"][number]>({
  kind: oneOf("shared", "direct"),
  atLeast: triple(count),
  rows: count,
  columns: count,
  inner: count,
  rowsEach: count,
  columnsEach: count,
});

const device = record<Plan["device"]>({
  name: string,
  limits,
  features: listOf(string),
  memory: count,
  tiles: listOf(tile),
  decodedRows: count,
  transferRate: whole(1),
});

const initial: Form<Plan["variables"][number]["initial"]> = (value, at, problems) => {
  const from = typeof value === "object" && value !== null ? Reflect.get(value, "from") : undefined;
  switch (from) {
    case "checkpoint":
    case "optional":
    case "adapter":
      return record<{ from: "checkpoint" | "optional" | "adapter"; names: readonly string[] }>({
        from: oneOf("checkpoint", "optional", "adapter"),
        names: listOf(string),
      })(value, at, problems);
    case "table":
      return record<{ from: "table"; data: string }>({ from: oneOf("table"), data: string })(
        value,
        at,
        problems,
      );
    default:
      return record<{ from: "program" | "held" | "host" | "zero" }>({
        from: oneOf("program", "held", "host", "zero"),
      })(value, at, problems);
  }
};

const numberOrText: Form<number | string> = (value, at, problems) =>
  typeof value === "string" ? value : number(value, at, problems);

/** Expressions nest; their depth is bounded, so that no file can exhaust the stack. */
const expressionAt =
  (depth: number): Form<Plan["scalars"][number]["expression"]> =>
  (value, at, problems) => {
    if (typeof value === "number") return number(value, at, problems);
    if (depth === 0) {
      problems.push(`${at}: the expression is nested too deep`);
      return 0;
    }
    const isName = typeof value === "object" && value !== null && "name" in value;
    if (isName) return record<{ name: string }>({ name: string })(value, at, problems);
    return record<{ apply: string; to: readonly Plan["scalars"][number]["expression"][] }>({
      apply: string,
      to: listOf(expressionAt(depth - 1)),
    })(value, at, problems);
  };

const masking = record<Masking>({ share: number, hidden: number, exchanged: number });

const learns: Form<Plan["job"]["learns"]> = (value, at, problems) => {
  const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
  switch (kind) {
    case "labels":
      return record<Extract<Learning, { kind: "labels" }>>({ kind: oneOf(kind), masking: optional(masking) })(
        value,
        at,
        problems,
      );
    case "classes":
      return record<Extract<Learning, { kind: "classes" }>>({ kind: oneOf(kind), count })(
        value,
        at,
        problems,
      );
    default:
      return record<Extract<Learning, { kind: "targets" }>>({ kind: oneOf("targets") })(value, at, problems);
  }
};

const draw: Form<RankDraw> = (value, at, problems) => {
  const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
  switch (kind) {
    case "geometric":
      return record<Extract<RankDraw, { kind: "geometric" }>>({ kind: oneOf(kind), p: number })(
        value,
        at,
        problems,
      );
    case "listed":
      return record<Extract<RankDraw, { kind: "listed" }>>({ kind: oneOf(kind), ranks: listOf(count) })(
        value,
        at,
        problems,
      );
    default:
      return record<Extract<RankDraw, { kind: "uniform" }>>({ kind: oneOf("uniform") })(value, at, problems);
  }
};

const plan = record<Plan>({
  format: oneOf(planFormat),
  recipe: string,
  hash: string,
  device,
  budget: count,
  peakBytes: count,
  hostBytes: count,
  lowerBoundBytes: count,
  job: record<Plan["job"]>({
    batch: count,
    accumulation: count,
    rows: count,
    tokens: count,
    room: count,
    vocabulary: count,
    learns,
    ranks: listOf(
      record<Plan["job"]["ranks"][number]>({
        name: string,
        adapter: string,
        first: count,
        last: count,
        draw,
      }),
    ),
  }),
  parameters: record<Plan["parameters"]>({ total: count, trainable: count }),
  buffers: listOf(
    record<Plan["buffers"][number]>({ name: string, memory: oneOf("device", "host"), size: count }),
  ),
  tensors: listOf(
    record<Plan["tensors"][number]>({
      name: string,
      kind,
      type,
      shape,
      stride: count,
      buffer: count,
      offset: count,
      size: count,
      aliasOf: optional(count),
      lifetime: optional(
        record<NonNullable<Plan["tensors"][number]["lifetime"]>>({
          program: string,
          first: count,
          last: count,
        }),
      ),
      span: optional(count),
    }),
  ),
  variables: listOf(
    record<Plan["variables"][number]>({
      name: string,
      kind,
      type,
      shape,
      stack: boolean,
      parts: listOf(count),
      windows: optional(count),
      initial,
    }),
  ),
  held: listOf(
    record<Plan["held"][number]>({
      name: string,
      names: listOf(string),
      shape,
      format: string,
      staging: string,
      programs: listOf(string),
      tensors: listOf(string),
      blocks: optional(string),
      stored: optional(
        record<NonNullable<Plan["held"][number]["stored"]>>({
          state: string,
          fields: listOf(
            record<NonNullable<Plan["held"][number]["stored"]>["fields"][number]>({
              name: string,
              value: optional(numberOrText),
              option: string,
            }),
          ),
          tables: listOf(
            record<NonNullable<Plan["held"][number]["stored"]>["tables"][number]>({
              name: string,
              variable: string,
            }),
          ),
          names: listOf(string),
        }),
      ),
    }),
  ),
  kernels: listOf(
    record<Plan["kernels"][number]>({
      name: string,
      about: string,
      wgsl: string,
      hash: string,
      bindings: listOf(
        record<Plan["kernels"][number]["bindings"][number]>({
          name: string,
          access: oneOf("read", "read_write"),
          reads: boolean,
          writes: boolean,
          bytes: count,
        }),
      ),
      workgroupSize: triple(count),
      workgroups: triple(count),
      workgroupMemory: count,
      features: listOf(string),
      flops: number,
      bytes: number,
    }),
  ),
  programs: listOf(
    record<Plan["programs"][number]>({
      name: string,
      dispatches: listOf(
        record<Plan["programs"][number]["dispatches"][number]>({
          kernel: count,
          tensors: listOf(count),
          path: string,
          span: optional(count),
        }),
      ),
      transfers: listOf(
        record<Plan["programs"][number]["transfers"][number]>({
          direction: oneOf("up", "down"),
          before: count,
          host: count,
          device: count,
        }),
      ),
      operations: count,
      peakBytes: count,
      peakAt: whole(-1),
    }),
  ),
  step: listOf(record<Plan["step"][number]>({ program: string, each: oneOf("step", "micro-batch") })),
  scalars: listOf(record<Plan["scalars"][number]>({ name: string, expression: expressionAt(100) })),
  decisions: listOf(
    record<Plan["decisions"][number]>({
      what: string,
      chosen: string,
      why: string,
      considered: listOf(string),
    }),
  ),
  spans: listOf(span),
});
