// Attention for processors that pose as GPUs: one invocation a query (or a key, for the gradients of keys and values), its
// vectors in registers, no workgroup memory and no barriers. All invocations of a group walk the same keys together, so that
// a key is at one address for all of them; what a query does not see counts for nothing.
import { literal } from "../ops/wgsl.ts";
import type { AttentionSizes, BackwardCall, ForwardCall } from "./attention-call.ts";
import { pairsOf } from "./attention-call.ts";
import { Bindings, each, type KernelText } from "./attention-text.ts";
import type { Kernel } from "./kernel.ts";
import type { AttentionTask } from "./attention-tile.ts";

/** Invocations of a group: as many as the vector units of processors take at once, twice. */
const together = 16;

export function directForward(call: ForwardCall, { node, layouts, profile }: AttentionTask): Kernel {
  const { sizes } = call;
  const bindings = new Bindings(node, layouts);
  bindings.readVectors("q", call.q);
  bindings.readVectors("k", call.k);
  bindings.readVectors("v", call.v);
  bindings.readSegments(call.segments);
  bindings.putVectors("o", call.outO);
  bindings.putStatistics(call.outLse);
  const quads = Math.ceil(sizes.width / 4);
  const body = [
    ...place(sizes, "heads", "t"),
    `let group_head = head / ${sizes.heads / sizes.groups}u;`,
    ...each(quads, (i) => `let q${i} = read_q(row, t, head, ${i}u) * ${literal(sizes.scale, "f32")};`),
    ...each(quads, (i) => `var o${i} = vec4<f32>();`),
    "var top = -1e30f;",
    "var total = 0.0f;",
    ...keysSeen(sizes),
    ...each(
      quads,
      (i) => `  ${i === 0 ? "var score =" : "score +="} dot(q${i}, read_k(row, s, group_head, ${i}u));`,
    ),
    `  score = select(-1e30f, score, ${visible(sizes)});`,
    "  let next = max(top, score);",
    "  let kept = exp(top - next);",
    // What is masked has no weight, even before anything was seen.
    "  let weight = select(0.0f, exp(score - next), score > -1e30f);",
    ...each(quads, (i) => `  o${i} = o${i} * kept + read_v(row, s, group_head, ${i}u) * weight;`),
    "  total = total * kept + weight;",
    "  top = next;",
    "}",
    `if (block * ${together}u + local.x >= ${sizes.tokens}u) { return; }`,
    ...each(quads, (i) => `put_o(row, t, head, ${i}u, o${i} / total);`),
    "put_lse(row, head, t, top + log(total));",
  ];
  return bindings.kernel(
    { ...textOf(sizes, sizes.heads, body), about: "attention", flops: 4 * sizes.width * pairsOf(sizes) },
    profile,
  );
}

export function directQueries(call: BackwardCall, outQ: number, task: AttentionTask): Kernel {
  const { sizes } = call;
  const bindings = backwardInputs(call, task);
  bindings.putVectors("dq", outQ);
  const quads = Math.ceil(sizes.width / 4);
  const body = [
    ...place(sizes, "heads", "t"),
    `let group_head = head / ${sizes.heads / sizes.groups}u;`,
    ...each(quads, (i) => `let q${i} = read_q(row, t, head, ${i}u) * ${literal(sizes.scale, "f32")};`),
    ...each(quads, (i) => `let g${i} = read_do(row, t, head, ${i}u);`),
    ...each(quads, (i) => `var d${i} = vec4<f32>();`),
    ...each(quads, (i) => `${i === 0 ? "var mean =" : "mean +="} dot(g${i}, read_o(row, t, head, ${i}u));`),
    "let lse = read_lse(row, head, t);",
    ...keysSeen(sizes),
    "  var score = 0.0f;",
    "  var slope = 0.0f;",
    ...each(quads, (i) => `  let k${i} = read_k(row, s, group_head, ${i}u);`),
    ...each(quads, (i) => `  score += dot(q${i}, k${i});`),
    ...each(quads, (i) => `  slope += dot(g${i}, read_v(row, s, group_head, ${i}u));`),
    `  let change = select(0.0f, exp(score - lse) * (slope - mean), ${visible(sizes)});`,
    ...each(quads, (i) => `  d${i} += k${i} * change;`),
    "}",
    `if (block * ${together}u + local.x >= ${sizes.tokens}u) { return; }`,
    ...each(quads, (i) => `put_dq(row, t, head, ${i}u, d${i} * ${literal(sizes.scale, "f32")});`),
  ];
  const flops = 6 * sizes.width * pairsOf(sizes);
  return bindings.kernel(
    { ...textOf(sizes, sizes.heads, body), about: "attention: gradient of queries", flops },
    task.profile,
  );
}

/** The gradients of keys, of values, or of both. */
export function directKeys(
  call: BackwardCall,
  { outK, outV }: Pick<BackwardCall, "outK" | "outV">,
  task: AttentionTask,
): Kernel {
  const { sizes } = call;
  const { tokens, heads, groups, width, window } = sizes;
  const share = heads / groups;
  const [isK, isV] = [outK !== undefined, outV !== undefined];
  const bindings = backwardInputs(call, task, isK);
  if (outK !== undefined) bindings.putVectors("dk", outK);
  if (outV !== undefined) bindings.putVectors("dv", outV);
  const quads = Math.ceil(width / 4);
  const only = (wanted: boolean, lines: readonly string[]): readonly string[] => (wanted ? lines : []);
  const body = [
    ...place(sizes, "groups", "s"),
    ...each(quads, (i) => `let k${i} = read_k(row, s, head, ${i}u) * ${literal(sizes.scale, "f32")};`),
    ...only(
      isK,
      each(quads, (i) => `let v${i} = read_v(row, s, head, ${i}u);`),
    ),
    ...only(
      isK,
      each(quads, (i) => `var dk${i} = vec4<f32>();`),
    ),
    ...only(
      isV,
      each(quads, (i) => `var dv${i} = vec4<f32>();`),
    ),
    "let segment = read_segment(row, s);",
    `let last = min(block * ${together}u + ${together + window - 2}u, ${tokens - 1}u);`,
    `for (var share = 0u; share < ${share}u; share++) {`,
    `  let asking = head * ${share}u + share;`,
    `  for (var t = block * ${together}u; t <= last; t++) {`,
    ...each(quads, (i) => `    let q${i} = read_q(row, t, asking, ${i}u);`),
    ...each(quads, (i) => `    let g${i} = read_do(row, t, asking, ${i}u);`),
    "    var score = 0.0f;",
    ...each(quads, (i) => `    score += dot(q${i}, k${i});`),
    `    let weight = select(0.0f, exp(score - read_lse(row, asking, t)), ${visible(sizes, "t")});`,
    ...only(
      isV,
      each(quads, (i) => `    dv${i} += g${i} * weight;`),
    ),
    ...only(isK, [
      "    var mean = 0.0f;",
      "    var slope = 0.0f;",
      ...each(quads, (i) => `    mean += dot(g${i}, read_o(row, t, asking, ${i}u));`),
      ...each(quads, (i) => `    slope += dot(g${i}, v${i});`),
      "    let change = weight * (slope - mean);",
      ...each(quads, (i) => `    dk${i} += q${i} * change;`),
    ]),
    "  }",
    "}",
    `if (block * ${together}u + local.x >= ${tokens}u) { return; }`,
    ...only(
      isK,
      each(quads, (i) => `put_dk(row, s, head, ${i}u, dk${i} * ${literal(sizes.scale, "f32")});`),
    ),
    ...only(
      isV,
      each(quads, (i) => `put_dv(row, s, head, ${i}u, dv${i});`),
    ),
  ];
  const about = `attention: gradient of ${isK && isV ? "keys and values" : isK ? "keys" : "values"}`;
  const flops = (2 + 4 * Number(isK) + 2 * Number(isV)) * width * pairsOf(sizes);
  return bindings.kernel({ ...textOf(sizes, groups, body), about, flops }, task.profile);
}

function backwardInputs(call: BackwardCall, { node, layouts }: AttentionTask, all: boolean = true): Bindings {
  const bindings = new Bindings(node, layouts);
  bindings.readVectors("do", call.dO);
  bindings.readVectors("q", call.q);
  bindings.readVectors("k", call.k);
  if (all) bindings.readVectors("v", call.v);
  bindings.readSegments(call.segments);
  if (all) bindings.readVectors("o", call.o);
  bindings.readStatistics(call.lse);
  return bindings;
}

function textOf(
  { rows, tokens }: AttentionSizes,
  heads: number,
  body: readonly string[],
): Omit<KernelText, "about" | "flops"> {
  const groups = rows * heads * Math.ceil(tokens / together);
  return { globals: [], body, workgroupSize: [together, 1, 1], groups, workgroupMemory: 0 };
}

/** Row, head and block of the group, and the invocation's position; past the end it repeats the last one and stores nothing. */
function place(sizes: AttentionSizes, over: "heads" | "groups", position: string): string[] {
  const { rows, tokens } = sizes;
  const heads = sizes[over];
  return [
    `let block = group / ${rows * heads}u;`,
    `let row = group / ${heads}u % ${rows}u;`,
    `let head = group % ${heads}u;`,
    `let ${position} = min(block * ${together}u + local.x, ${tokens - 1}u);`,
  ];
}

/** Opens the loop over the keys that any query of the block may see. */
function keysSeen({ tokens, window }: AttentionSizes): string[] {
  return [
    "let segment = read_segment(row, t);",
    `let first = max(block * ${together}u, ${window - 1}u) - ${window - 1}u;`,
    `let last = min(block * ${together}u + ${together - 1}u, ${tokens - 1}u);`,
    "for (var s = first; s <= last; s++) {",
  ];
}

/** Whether query t sees key s. `segment` is that of the invocation's own position. */
function visible({ tokens, window }: AttentionSizes, other: "s" | "t" = "s"): string {
  const near = window < tokens ? ` && t - s < ${window}u` : "";
  return `(s <= t && read_segment(row, ${other}) == segment${near})`;
}
