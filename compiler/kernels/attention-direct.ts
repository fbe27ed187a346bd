// Attention for processors that pose as GPUs: one invocation a query (or a key, for the gradients of keys and values), no
// workgroup memory and no barriers. All invocations of a group walk the same keys together, four at a time; what a query does
// not see counts for nothing. Such devices compile every load into a loop over their lanes, which takes them longer than
// running it: so the walk along a vector is a loop, with a bound that they cannot know and unroll.
import { literal } from "../ops/wgsl.ts";
import type { AttentionSizes, BackwardCall, ForwardCall } from "./attention-call.ts";
import { pairsOf } from "./attention-call.ts";
import { bendAt, scoreGlobals, scoresOf } from "./attention-scores.ts";
import { blocksOfKeys, onePair, placeOf, queriesOf, sees } from "./attention-sees.ts";
import { bindBackward, bindForward, each, type Bindings, type KernelText, when } from "./attention-text.ts";
import type { AttentionTask } from "./attention-tile.ts";
import type { Kernel } from "./kernel.ts";

/** Invocations of a group: as many as the vector units of processors take at once, twice. */
const together = 16;

/** Positions that are walked at once. */
const abreast = 4;

const LANES = ["x", "y", "z", "w"] as const;

export function directForward(call: ForwardCall, { node, layouts, profile }: AttentionTask): Kernel {
  const { sizes } = call;
  const bindings = bindForward(call, node, layouts);
  const body = [
    ...queryPlace(sizes, bindings),
    ...sums(sizes, "o"),
    "var top = -1e30f;",
    "var total = 0.0f;",
    ...keysSeen(sizes, [
      "var scores = vec4<f32>();",
      ...alongQuads([
        "let mine = read_q(row, t, head, quad);",
        ...each(abreast, (n) => `scores.${LANES[n]} += dot(mine, read_k(row, s${n}, group_head, quad));`),
      ]),
      `scores = select(vec4<f32>(-1e30f), ${scoresOf(sizes, "scores")}, sees);`,
      "let next = max(max(top, max(scores.x, scores.y)), max(scores.z, scores.w));",
      "let kept = exp(top - next);",
      // What is masked has no weight, even before anything was seen.
      "let weights = select(vec4<f32>(), exp(scores - next), sees);",
      ...alongQuads([
        "var sum = o[quad] * kept;",
        ...each(abreast, (n) => `sum += read_v(row, s${n}, group_head, quad) * weights.${LANES[n]};`),
        "o[quad] = sum;",
      ]),
      "total = total * kept + (weights.x + weights.y) + (weights.z + weights.w);",
      "top = next;",
    ]),
    endAt(sizes.tokens),
    ...alongQuads(["put_o(row, t, head, quad, o[quad] / total);"]),
    "put_lse(row, head, t, top + log(total));",
  ];
  const flops = 4 * sizes.width * pairsOf(sizes);
  return bindings.kernel(
    { ...textOf(sizes, sizes.heads, sizes.tokens, body), about: "attention", flops },
    profile,
  );
}

export function directQueries(call: BackwardCall, outQ: number, task: AttentionTask): Kernel {
  const { sizes } = call;
  const bindings = bindBackward(call, task.node, task.layouts);
  bindings.putVectors("dq", outQ);
  const scale = literal(sizes.scale, "f32");
  const body = [
    ...queryPlace(sizes, bindings),
    ...sums(sizes, "dq"),
    "var mean = 0.0f;",
    ...alongQuads(["mean += dot(read_do(row, t, head, quad), read_o(row, t, head, quad));"]),
    "let lse = read_lse(row, head, t);",
    ...keysSeen(sizes, [
      "var scores = vec4<f32>();",
      "var slopes = vec4<f32>();",
      ...alongQuads([
        "let mine = read_q(row, t, head, quad);",
        "let gradient = read_do(row, t, head, quad);",
        ...each(abreast, (n) => `scores.${LANES[n]} += dot(mine, read_k(row, s${n}, group_head, quad));`),
        ...each(abreast, (n) => `slopes.${LANES[n]} += dot(gradient, read_v(row, s${n}, group_head, quad));`),
      ]),
      `scores = ${scoresOf(sizes, "scores")};`,
      `let changes = select(vec4<f32>(), exp(scores - lse) * (slopes - mean)${bendAt(sizes, "scores")}, sees);`,
      ...alongQuads([
        "var sum = dq[quad];",
        ...each(abreast, (n) => `sum += read_k(row, s${n}, group_head, quad) * changes.${LANES[n]};`),
        "dq[quad] = sum;",
      ]),
    ]),
    endAt(sizes.tokens),
    ...alongQuads([`put_dq(row, t, head, quad, dq[quad] * ${scale});`]),
  ];
  const flops = 6 * sizes.width * pairsOf(sizes);
  return bindings.kernel(
    { ...textOf(sizes, sizes.heads, sizes.tokens, body), about: "attention: gradient of queries", flops },
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
  const { rows, tokens, heads, groups, width, keys } = sizes;
  const share = heads / groups;
  const [isK, isV] = [outK !== undefined, outV !== undefined];
  const bindings = bindBackward(call, task.node, task.layouts, isK);
  if (outK !== undefined) bindings.putVectors("dk", outK);
  if (outV !== undefined) bindings.putVectors("dv", outV);
  const scale = literal(sizes.scale, "f32");
  const forBlock = [
    ...each(abreast, (n) => `let t${n} = min(t + ${n}u, ${tokens - 1}u);`),
    "var scores = vec4<f32>();",
    ...when(isK, ["var slopes = vec4<f32>();", "var means = vec4<f32>();"]),
    ...alongQuads([
      "let mine = read_k(row, s, group_head, quad);",
      ...when(isK, ["let value = read_v(row, s, group_head, quad);"]),
      ...each(abreast, (n) => `scores.${LANES[n]} += dot(mine, read_q(row, t${n}, head, quad));`),
      ...when(isK, [
        ...each(abreast, (n) => `let g${n} = read_do(row, t${n}, head, quad);`),
        ...each(abreast, (n) => `slopes.${LANES[n]} += dot(value, g${n});`),
        ...each(abreast, (n) => `means.${LANES[n]} += dot(read_o(row, t${n}, head, quad), g${n});`),
      ]),
    ]),
    `let sees = vec4<bool>(${each(abreast, (n) => `sees_key(row, t + ${n}u, s, segment)`).join(", ")});`,
    `let lse = vec4<f32>(${each(abreast, (n) => `read_lse(row, head, t${n})`).join(", ")});`,
    `scores = ${scoresOf(sizes, "scores")};`,
    "let weights = select(vec4<f32>(), exp(scores - lse), sees);",
    ...when(isK, [
      `let changes = select(vec4<f32>(), weights * (slopes - means)${bendAt(sizes, "scores")}, sees);`,
    ]),
    ...alongQuads([
      ...when(isK, [
        "var sum_k = dk[quad];",
        ...each(abreast, (n) => `sum_k += read_q(row, t${n}, head, quad) * changes.${LANES[n]};`),
        "dk[quad] = sum_k;",
      ]),
      ...when(isV, [
        "var sum_v = dv[quad];",
        ...each(abreast, (n) => `sum_v += read_do(row, t${n}, head, quad) * weights.${LANES[n]};`),
        "dv[quad] = sum_v;",
      ]),
    ]),
  ];
  const seesKey = [
    "fn sees_key(row: u32, t: u32, s: u32, segment: i32) -> bool {",
    `  let mine = read_segment(row, min(t, ${tokens - 1}u));`,
    `  return t < ${tokens}u && ${sees(sizes, { query: "t", key: "s", segments: ["mine", "segment"] }, onePair)};`,
    "}",
  ].join("\n");
  const body = [
    ...place(rows, groups, "group_head", bindings, sizes),
    `let s = min(place * ${together}u + local.x, ${keys - 1}u);`,
    `let segment = read_segment(row, ${placeOf(sizes, "s")});`,
    ...when(isK, sums(sizes, "dk")),
    ...when(isV, sums(sizes, "dv")),
    ...queriesOf(sizes, `(place * ${together}u)`, together),
    `let steps = (last - first) / ${abreast}u + 1u;`,
    // One loop over the heads and their queries: of two, such devices unroll the outer one.
    `for (var step = 0u; step < steps * ${share}u; step++) {`,
    `  let head = group_head * ${share}u + step / steps;`,
    `  let t = first + step % steps * ${abreast}u;`,
    ...forBlock.map((line) => `  ${line}`),
    "}",
    endAt(keys),
    ...when(isK, alongQuads([`put_dk(row, s, group_head, quad, dk[quad] * ${scale});`])),
    ...when(isV, alongQuads(["put_dv(row, s, group_head, quad, dv[quad]);"])),
  ];
  const about = `attention: gradient of ${isK && isV ? "keys and values" : isK ? "keys" : "values"}`;
  const flops = (2 + 4 * Number(isK) + 2 * Number(isV)) * width * pairsOf(sizes);
  const text = { ...textOf(sizes, groups, keys, body), about, flops };
  return bindings.kernel({ ...text, globals: [...text.globals, seesKey] }, task.profile);
}

function textOf(
  sizes: AttentionSizes,
  heads: number,
  positions: number,
  body: readonly string[],
): Omit<KernelText, "about" | "flops"> {
  const groups = sizes.rows * heads * Math.ceil(positions / together);
  return {
    globals: scoreGlobals(sizes),
    body,
    workgroupSize: [together, 1, 1],
    groups,
    workgroupMemory: 0,
  };
}

/** Row, head and place of the group, and the number of quads: all of them, but for all that a device can tell it may be fewer. */
function place(
  rows: number,
  heads: number,
  head: string,
  bindings: Bindings,
  { width }: AttentionSizes,
): string[] {
  return [
    `let quads = select(${Math.ceil(width / 4)}u, 0u, arrayLength(&${bindings.nameOf("q")}) == 0u);`,
    `let place = group / ${rows * heads}u;`,
    `let row = group / ${heads}u % ${rows}u;`,
    `let ${head} = group % ${heads}u;`,
  ];
}

/** The invocation's query; past the end it repeats the last one and stores nothing. */
function queryPlace(sizes: AttentionSizes, bindings: Bindings): string[] {
  const { rows, tokens, heads, groups } = sizes;
  return [
    ...place(rows, heads, "head", bindings, sizes),
    `let group_head = head / ${heads / groups}u;`,
    `let t = min(place * ${together}u + local.x, ${tokens - 1}u);`,
    "let segment = read_segment(row, t);",
  ];
}

/** Declares the sums along the width. */
function sums({ width }: AttentionSizes, name: string): string[] {
  return [`var ${name} = array<vec4<f32>, ${Math.ceil(width / 4)}>();`];
}

function alongQuads(lines: readonly string[]): string[] {
  return ["for (var quad = 0u; quad < quads; quad++) {", ...lines.map((line) => `  ${line}`), "}"];
}

function endAt(positions: number): string {
  return `if (place * ${together}u + local.x >= ${positions}u) { return; }`;
}

/** For the keys that any query of the group may see, four at a time: `s0` to `s3`, and in `sees` which of them the query sees. */
function keysSeen(sizes: AttentionSizes, lines: readonly string[]): string[] {
  const seesOne = (n: number): string =>
    sees(
      sizes,
      {
        query: "t",
        key: `(s + ${n}u)`,
        segments: [`read_segment(row, ${placeOf(sizes, `s${n}`)})`, "segment"],
      },
      onePair,
    );
  return [
    ...blocksOfKeys(sizes, `place * ${together}u`, together, abreast),
    `  let s = block * ${abreast}u;`,
    ...each(abreast, (n) => `  let s${n} = min(s + ${n}u, ${sizes.keys - 1}u);`),
    `  let sees = vec4<bool>(${each(abreast, seesOne).join(", ")});`,
    ...lines.map((line) => `  ${line}`),
    "}",
  ];
}
