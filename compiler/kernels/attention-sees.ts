// Which keys a query sees, as WGSL, and the blocks that a walk over keys or queries has to visit for it. Keys are counted from the
// first one in front of the row: the key at a query's own position t is t + prefix. Blocks are numbered from 0 and `size` long.
import type { AttentionSizes } from "./attention-call.ts";
import { when } from "./attention-text.ts";

/** The WGSL type of a condition, and what makes that type of one value: conditions hold for one pair, or for four rows at once. */
export interface Lanes {
  readonly and: string;
  readonly or: string;
  readonly spread: (type: "u32" | "i32", value: string) => string;
}

export const onePair: Lanes = { and: "&&", or: "||", spread: (_, value) => value };
export const fourRows: Lanes = { and: "&", or: "|", spread: (type, value) => `vec4<${type}>(${value})` };

/** A pair as WGSL: the query's number, the key's, and the segments of both. The caller keeps to queries that exist. */
export interface Pair {
  readonly query: string;
  readonly key: string;
  readonly segments: readonly [string, string];
}

/** Whether the query of a pair sees its key; a key past the end is seen by nobody. Every part of the pair has the lanes' type. */
export function sees(
  { prefix, keys, tokens, window, causal }: AttentionSizes,
  { query, key, segments: [mine, its] }: Pair,
  { and, or, spread }: Lanes,
): string {
  const number = (value: number): string => spread("u32", `${value}u`);
  const own = prefix === 0 ? query : `(${query} + ${number(prefix)})`;
  const far = causal ? `${own} - ${key}` : `max(${own}, ${key}) - min(${own}, ${key})`;
  const seen = [
    `(${key} ${causal ? `<= ${own}` : `< ${number(keys)}`})`,
    `(${mine} == ${its})`,
    ...when(window < tokens, [`(${far} < ${number(window)})`]),
  ].join(` ${and} `);
  return prefix === 0 ? seen : `((${key} < ${number(prefix)}) ${or} (${seen}))`;
}

/** The position in the row that a key belongs to; those in front and past the end get one that exists. */
export function placeOf({ prefix, tokens, keys }: AttentionSizes, key: string): string {
  return prefix === 0
    ? `min(${key}, ${tokens - 1}u)`
    : `clamp(${key}, ${prefix}u, ${keys - 1}u) - ${prefix}u`;
}

/** Opens a loop over the blocks of keys that any of the `queries` queries from `t0` sees, `block` being the number. */
export function blocksOfKeys(sizes: AttentionSizes, t0: string, queries: number, size: number): string[] {
  const { prefix, keys, window, causal } = sizes;
  const front = Math.ceil(prefix / size);
  const reach = window - 1;
  const after = queries - 1 + (causal ? 0 : reach);
  const first = `(max(${t0} + ${prefix}u, ${reach}u) - ${reach}u) / ${size}u`;
  const last = `let last = min(${t0} + ${prefix + after}u, ${keys - 1}u) / ${size}u;`;
  if (front === 0)
    return [`let first = ${first};`, last, "for (var block = first; block <= last; block++) {"];
  return [
    // The blocks in front, then those that are near; a block that is both is walked once.
    `let first = max(${first}, ${front}u);`,
    last,
    `for (var walked = 0u; walked + first <= last + ${front}u; walked++) {`,
    `  let block = walked + select(0u, first - ${front}u, walked >= ${front}u);`,
  ];
}

/** Declares `first` and `last`, the first and the last query that see any of the `count` keys from `s0`. */
export function queriesOf(sizes: AttentionSizes, s0: string, count: number): string[] {
  const { prefix, keys, tokens, window, causal } = sizes;
  const reach = window - 1;
  const before = causal ? s0 : `max(${s0}, ${reach}u) - ${reach}u`;
  const last = `min(${s0} + ${count - 1 + reach}u, ${keys - 1}u)`;
  if (prefix === 0) return [`let first = ${before};`, `let last = ${last};`];
  return [
    `let first = max(${before}, ${prefix}u) - ${prefix}u;`,
    `let last = select(${last} - ${prefix}u, ${tokens - 1}u, ${s0} < ${prefix}u);`,
  ];
}
