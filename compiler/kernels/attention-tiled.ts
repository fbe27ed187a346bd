// Attention for GPUs (FlashAttention-2: Dao, 2023): a workgroup takes a block of queries and walks the blocks of keys that they
// see, with a running maximum and sum; for the gradients of keys and values, a block of keys and the queries that see it. The
// probabilities are made again from the statistics. No atomics, so every run adds in the same order.
import { literal } from "../ops/wgsl.ts";
import type { AttentionSizes, BackwardCall, ForwardCall } from "./attention-call.ts";
import { pairsOf } from "./attention-call.ts";
import { bendAt, scoreGlobals, scoresOf } from "./attention-scores.ts";
import { blocksOfKeys, fourRows, placeOf, queriesOf, sees } from "./attention-sees.ts";
import { bindBackward, bindForward, each, type KernelText, when } from "./attention-text.ts";
import {
  columnsEach,
  indent,
  mix,
  mixed,
  perItem,
  putTile,
  score,
  storeMixed,
  tileGlobals,
  tilePlace,
  type AttentionTask,
  type AttentionTile,
} from "./attention-tile.ts";
import type { Kernel } from "./kernel.ts";

export function tiledForward(call: ForwardCall, tile: AttentionTile, task: AttentionTask): Kernel {
  const { sizes } = call;
  const bindings = bindForward(call, task.node, task.layouts);
  const reader = readers(sizes);
  const columns = each(columnsEach, (j) => j);
  const body = [
    ...tilePlace(tile),
    ...queryPlace(sizes, tile),
    ...rowFacts(sizes, "t"),
    ...mixed("o", tile),
    "var top = vec4<f32>(-1e30f);",
    "var total = vec4<f32>();",
    ...blocksOfKeys(sizes, "t0", tile.rows, tile.columns),
    `  let s0 = block * ${tile.columns}u;`,
    ...indent([
      ...score("p", tile, reader("q", "t0", "head"), reader("k", "s0", "group_head")),
      ...columns.flatMap((j) => [
        ...seesColumn(sizes, tile, j),
        `p${j} = select(vec4<f32>(-1e30f), ${scoresOf(sizes, `p${j}`)}, sees${j});`,
      ]),
      `stage[x * ${tile.down}u + y] = max(max(p0, p1), max(p2, p3));`,
      "workgroupBarrier();",
      "var next = top;",
      `for (var part = 0u; part < ${tile.across}u; part++) { next = max(next, stage[part * ${tile.down}u + y]); }`,
      "let kept = exp(top - next);",
      "top = next;",
      // What is masked has no weight, even before anything was seen.
      ...columns.map((j) => `p${j} = select(vec4<f32>(), exp(p${j} - next), sees${j});`),
      "total = total * kept + (p0 + p1) + (p2 + p3);",
      ...each(4 * tile.quadsEach, (at) => `o${at % 4}_${Math.floor(at / 4)} *= kept[${at % 4}];`),
      ...putTile(tile, (j) => `p${j}`),
      "workgroupBarrier();",
      ...mix("o", tile, reader("v", "s0", "group_head")),
    ]),
    "}",
    `stage[x * ${tile.down}u + y] = total;`,
    "workgroupBarrier();",
    "total = vec4<f32>();",
    `for (var part = 0u; part < ${tile.across}u; part++) { total += stage[part * ${tile.down}u + y]; }`,
    ...storeMixed(
      "o",
      tile,
      sizes.tokens,
      "t0",
      (t, quad, value, i) => `put_o(row, ${t}, head, ${quad}, ${value} / total[${i}]);`,
    ),
    "if (x == 0u) {",
    ...each(
      4,
      (i) =>
        `  if (t0 + y * 4u + ${i}u < ${sizes.tokens}u) { put_lse(row, head, t0 + y * 4u + ${i}u, top[${i}] + log(total[${i}])); }`,
    ),
    "}",
  ];
  const flops = 4 * sizes.width * pairsOf(sizes);
  return bindings.kernel(
    { ...textOf(sizes, sizes.heads, sizes.tokens, tile, body), about: "attention", flops },
    task.profile,
  );
}

export function tiledQueries(
  call: BackwardCall,
  outQ: number,
  tile: AttentionTile,
  task: AttentionTask,
): Kernel {
  const { sizes } = call;
  const bindings = bindBackward(call, task.node, task.layouts);
  bindings.putVectors("dq", outQ);
  const reader = readers(sizes);
  const columns = each(columnsEach, (j) => j);
  const body = [
    ...tilePlace(tile),
    ...queryPlace(sizes, tile),
    ...rowFacts(sizes, "t"),
    `let lse = vec4<f32>(${each(4, (i) => `read_lse(row, head, t[${i}])`).join(", ")});`,
    ...mixed("dq", tile),
    ...means(sizes, tile, tile.rows, "t0", "head"),
    `let mean = vec4<f32>(${each(4, (i) => `dot(stage[y * 4u + ${i}u], vec4<f32>(1.0f))`).join(", ")});`,
    "workgroupBarrier();",
    ...blocksOfKeys(sizes, "t0", tile.rows, tile.columns),
    `  let s0 = block * ${tile.columns}u;`,
    ...indent([
      ...score("p", tile, reader("q", "t0", "head"), reader("k", "s0", "group_head")),
      ...score("g", tile, reader("do", "t0", "head"), reader("v", "s0", "group_head")),
      ...columns.flatMap((j) => [...seesColumn(sizes, tile, j), `p${j} = ${scoresOf(sizes, `p${j}`)};`]),
      ...putTile(
        tile,
        (j) => `select(vec4<f32>(), exp(p${j} - lse) * (g${j} - mean)${bendAt(sizes, `p${j}`)}, sees${j})`,
      ),
      "workgroupBarrier();",
      ...mix("dq", tile, reader("k", "s0", "group_head")),
    ]),
    "}",
    ...storeMixed(
      "dq",
      tile,
      sizes.tokens,
      "t0",
      (t, quad, value) => `put_dq(row, ${t}, head, ${quad}, ${value} * ${literal(sizes.scale, "f32")});`,
    ),
  ];
  const flops = 6 * sizes.width * pairsOf(sizes);
  return bindings.kernel(
    {
      ...textOf(sizes, sizes.heads, sizes.tokens, tile, body),
      about: "attention: gradient of queries",
      flops,
    },
    task.profile,
  );
}

/** The gradients of keys, of values, or of both: rows of the tile are keys, columns are queries. */
export function tiledKeys(
  call: BackwardCall,
  { outK, outV }: Pick<BackwardCall, "outK" | "outV">,
  tile: AttentionTile,
  task: AttentionTask,
): Kernel {
  const { sizes } = call;
  const { rows, tokens, heads, groups, width, keys, cap } = sizes;
  const share = heads / groups;
  const [isK, isV] = [outK !== undefined, outV !== undefined];
  const bindings = bindBackward(call, task.node, task.layouts, isK);
  if (outK !== undefined) bindings.putVectors("dk", outK);
  if (outV !== undefined) bindings.putVectors("dv", outV);
  const reader = readers(sizes);
  const columns = each(columnsEach, (j) => j);
  const scale = literal(sizes.scale, "f32");
  const inner = [
    `let t0 = block * ${tile.columns}u;`,
    ...score("w", tile, reader("k", "s0", "group_head"), reader("q", "t0", "head")),
    ...columns.flatMap((j) => [
      `let at${j} = t0 + x + ${j * tile.across}u;`,
      `let t${j}_ = min(at${j}, ${tokens - 1}u);`,
      `let mine${j} = vec4<i32>(read_segment(row, t${j}_));`,
      `let sees${j} = vec4<bool>(at${j} < ${tokens}u) & ${sees(
        sizes,
        { query: `vec4<u32>(t${j}_)`, key: "s", segments: [`mine${j}`, "segments"] },
        fourRows,
      )};`,
      `w${j} = ${scoresOf(sizes, `w${j}`)};`,
      ...when(isK && cap > 0, [`let score${j} = w${j};`]),
      `w${j} = select(vec4<f32>(), exp(w${j} - read_lse(row, head, t${j}_)), sees${j});`,
    ]),
    ...when(isV, [
      ...putTile(tile, (j) => `w${j}`),
      "workgroupBarrier();",
      ...mix("dv", tile, reader("do", "t0", "head")),
    ]),
    ...when(isK, [
      ...means(sizes, tile, tile.columns, "t0", "head"),
      ...columns.map((j) => `let mean${j} = dot(stage[x + ${j * tile.across}u], vec4<f32>(1.0f));`),
      "workgroupBarrier();",
      ...score("g", tile, reader("v", "s0", "group_head"), reader("do", "t0", "head")),
      ...putTile(tile, (j) => `w${j} * (g${j} - mean${j})${bendAt(sizes, `score${j}`)}`),
      "workgroupBarrier();",
      ...mix("dk", tile, reader("q", "t0", "head")),
    ]),
  ];
  const body = [
    ...tilePlace(tile),
    `let place = group / ${rows * groups}u;`,
    `let row = group / ${groups}u % ${rows}u;`,
    `let group_head = group % ${groups}u;`,
    `let s0 = place * ${tile.rows}u;`,
    ...rowFacts(sizes, "s"),
    ...when(isK, mixed("dk", tile)),
    ...when(isV, mixed("dv", tile)),
    ...queriesOf(sizes, "s0", tile.rows),
    `for (var share = 0u; share < ${share}u; share++) {`,
    `  let head = group_head * ${share}u + share;`,
    `  for (var block = first / ${tile.columns}u; block <= last / ${tile.columns}u; block++) {`,
    ...indent(indent(inner)),
    "  }",
    "}",
    ...when(
      isK,
      storeMixed(
        "dk",
        tile,
        keys,
        "s0",
        (at, quad, value) => `put_dk(row, ${at}, group_head, ${quad}, ${value} * ${scale});`,
      ),
    ),
    ...when(
      isV,
      storeMixed(
        "dv",
        tile,
        keys,
        "s0",
        (at, quad, value) => `put_dv(row, ${at}, group_head, ${quad}, ${value});`,
      ),
    ),
  ];
  const about = `attention: gradient of ${isK && isV ? "keys and values" : isK ? "keys" : "values"}`;
  const flops = (2 + 4 * Number(isK) + 2 * Number(isV)) * width * pairsOf(sizes);
  return bindings.kernel({ ...textOf(sizes, groups, keys, tile, body), about, flops }, task.profile);
}

function textOf(
  sizes: AttentionSizes,
  heads: number,
  positions: number,
  tile: AttentionTile,
  body: readonly string[],
): Omit<KernelText, "about" | "flops"> {
  return {
    globals: [...tileGlobals(tile), ...scoreGlobals(sizes)],
    body,
    workgroupSize: [tile.across, tile.down, 1],
    groups: sizes.rows * heads * Math.ceil(positions / tile.rows),
    workgroupMemory: (tile.tileSize + tile.stageSize) * 16,
  };
}

/** How a quad of a tensor is read, at a position counted from `start`; past the last one it is the last one's. */
function readers({ tokens, keys }: AttentionSizes) {
  return (name: "q" | "k" | "v" | "o" | "do", start: string, head: string) =>
    (position: string, quad: string): string => {
      const last = (name === "k" || name === "v" ? keys : tokens) - 1;
      return `read_${name}(row, min(${start} + ${position}, ${last}u), ${head}, ${quad})`;
    };
}

/** The last block of queries sees the most keys and goes first. */
function queryPlace({ rows, tokens, heads, groups }: AttentionSizes, tile: AttentionTile): string[] {
  return [
    `let place = ${Math.ceil(tokens / tile.rows) - 1}u - group / ${rows * heads}u;`,
    `let row = group / ${heads}u % ${rows}u;`,
    `let head = group % ${heads}u;`,
    `let group_head = head / ${heads / groups}u;`,
    `let t0 = place * ${tile.rows}u;`,
  ];
}

/** The positions of the invocation's four rows, queries or keys, and their segments. */
function rowFacts(sizes: AttentionSizes, name: "t" | "s"): string[] {
  const last = (name === "t" ? sizes.tokens : sizes.keys) - 1;
  const place = (at: string): string => (name === "t" ? at : placeOf(sizes, at));
  return [
    `let ${name} = min(vec4<u32>(${name}0 + y * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(${last}u));`,
    `let segments = vec4<i32>(${each(4, (i) => `read_segment(row, ${place(`${name}[${i}]`)})`).join(", ")});`,
  ];
}

/** Declares which of the invocation's queries see its key j. */
function seesColumn(sizes: AttentionSizes, tile: AttentionTile, j: number): string[] {
  const its = `vec4<i32>(read_segment(row, ${placeOf(sizes, `s_${j}`)}))`;
  return [
    `let s_${j} = s0 + x + ${j * tile.across}u;`,
    `let sees${j} = ${sees(sizes, { query: "t", key: `vec4<u32>(s_${j})`, segments: ["segments", its] }, fourRows)};`,
  ];
}

/** Leaves in the stage, for each position from `start`, four parts of the product of the output and its gradient. */
function means(
  sizes: AttentionSizes,
  tile: AttentionTile,
  count: number,
  start: string,
  head: string,
): string[] {
  const reader = readers(sizes);
  const lines = [
    "let position = item / 4u;",
    "var part = 0.0f;",
    `for (var step = 0u; step < ${Math.ceil(tile.quads / 4)}u; step++) {`,
    "  let quad = step * 4u + item % 4u;",
    `  ${tile.quads % 4 === 0 ? "" : `if (quad < ${tile.quads}u) `}{ part += dot(${reader("do", start, head)("position", "quad")}, ${reader("o", start, head)("position", "quad")}); }`,
    "}",
    "stage[position][item % 4u] = part;",
  ];
  return [...perItem(count * 4, tile.across * tile.down, lines), "workgroupBarrier();"];
}
