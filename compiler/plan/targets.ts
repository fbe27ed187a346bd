// Which step outputs are written straight into a variable. An output may be, if nobody reads the variable's old value
// afterwards, and in the same step only as the input that the output is written over. Where it may not, the value gets memory of
// its own and is copied at the end. In: arranged steps. Out: targets, and the copies to append.
import type { Node } from "../ir/graph.ts";
import { naturalBytes, plain, type Held, type Step } from "./held.ts";
import { isKept, type VariableLayout } from "./layout.ts";
import type { Arranged } from "./arrange.ts";

/** A part of a variable, or all parts where `part` is −1 and there are several. */
export interface Target {
  readonly variable: number;
  readonly part: number;
}

export interface Targets {
  readonly of: ReadonlyMap<Held, Target>;
  /** To be made after step `after`, or at the end, in this order. */
  readonly copies: readonly {
    readonly held: Held;
    readonly target: Target;
    /** The last step that makes the value or reads the target's old content; undefined: what is copied lies in a variable itself. */
    readonly after: number | undefined;
  }[];
}

/** Pairs [output, input] of a node that may share bytes. */
export type InPlacePairs = (node: Node) => readonly (readonly [number, number])[];

export function findTargets(
  program: Arranged,
  variables: readonly VariableLayout[],
  pairs: InPlacePairs,
): Targets {
  const { steps } = program;
  const madeAt = new Map<Held, readonly [number, number]>();
  steps.forEach(({ outputs }, step) => outputs.forEach((held, output) => madeAt.set(held, [step, output])));
  const reads = lastReads(program, variables);

  const of = new Map<Held, Target>();
  const copies: { held: Held; target: Target }[] = [];
  const wanted = listWrites(program, variables);
  for (const { held, target } of wanted) {
    const root = plain(held);
    if (root.from === "step" && !of.has(root) && fits(root, target, program, variables)) of.set(root, target);
    else copies.push({ held, target });
  }
  // What is copied from a variable reads it at the very end.
  for (const { held } of copies) reads.add(held, steps.length);
  giveUpPieces(program, variables, of, copies);

  const safe = (held: Held, target: Target): boolean => {
    const [at, output] = madeAt.get(held) ?? [-1, -1];
    const last = reads.last(target);
    if (last !== at) return last < at;
    const step = steps[at];
    const input = step?.inputs.findIndex((value) => isTarget(value, target, variables)) ?? -1;
    if (step === undefined || input === -1 || !canPair(step, pairs, output, input)) return false;
    return step.inputs.every((value, index) => index === input || !reads.touches(value, target));
  };
  for (const [held, target] of of) {
    if (safe(held, target)) continue;
    of.delete(held);
    copies.push({ held, target });
  }
  giveUpPieces(program, variables, of, copies);

  // A value that dies where its successor is written may lie in the variable too, and its own predecessor, and so on.
  const uses = lastUses(program, copies);
  const pieced = new Set(program.pieces.flatMap(({ leaves }) => leaves));
  for (let at = steps.length - 1; at >= 0; at -= 1) {
    const step = steps[at];
    step?.outputs.forEach((held, output) => {
      const target = of.get(held);
      if (target === undefined) return;
      for (const [, input] of pairs(step.node).filter(([made]) => made === output)) {
        const before = step.inputs[input];
        const root = before === undefined ? undefined : plain(before);
        if (root?.from !== "step" || of.has(root) || pieced.has(root) || uses.get(root) !== at) continue;
        if (copies.some((copy) => plain(copy.held) === root) || !canPair(step, pairs, output, input))
          continue;
        if (program.apart.has(root) !== program.apart.has(held) || naturalBytes(root) !== naturalBytes(held))
          continue;
        if (step.inputs.some((other, index) => index !== input && rootsOf(other).includes(root))) continue;
        if (!safe(root, target)) continue;
        of.set(root, target);
        break;
      }
    });
  }
  const lastNeed = (held: Held, target: Target): number | undefined => {
    const made = rootsOf(held).map((root) => madeAt.get(root)?.[0]);
    const known = made.filter((step) => step !== undefined);
    return known.length < made.length ? undefined : Math.max(reads.last(target), ...known);
  };
  return { of, copies: copies.map((copy) => ({ ...copy, after: lastNeed(copy.held, copy.target) })) };
}

/** Whether the step has the pair, over ranges of one size. */
export function canPair(step: Step, pairs: InPlacePairs, output: number, input: number): boolean {
  const made = step.outputs[output];
  const over = step.inputs[input];
  if (made === undefined || over === undefined || naturalBytes(made) !== naturalBytes(over)) return false;
  return pairs(step.node).some(([a, b]) => a === output && b === input);
}

/** Step outputs and variables that a value lies in. */
export function rootsOf(held: Held): readonly Held[] {
  const roots: Held[] = [];
  eachRoot(held, (root) => roots.push(root));
  return roots;
}

function eachRoot(held: Held, visit: (root: Held) => void): void {
  switch (held.from) {
    case "step":
    case "variable":
      visit(held);
      return;
    case "reshape":
    case "slice":
      eachRoot(held.of, visit);
      return;
    case "stack":
      for (const part of held.parts) eachRoot(part, visit);
  }
}

/** The last step that reads each step output; copies at the end count as one step more. */
export function lastUses(program: Arranged, copies: readonly { readonly held: Held }[]): Map<Held, number> {
  const uses = new Map<Held, number>();
  let now = 0;
  const use = (held: Held): void => void uses.set(held, now);
  for (const { inputs, outputs } of program.steps) {
    outputs.forEach(use);
    for (const input of inputs) eachRoot(input, use);
    now += 1;
  }
  for (const { held } of copies) eachRoot(held, use);
  return uses;
}

/** The writes, part by part where the value comes in parts; what stays as it is is left out. */
function listWrites(
  { writes }: Arranged,
  variables: readonly VariableLayout[],
): { held: Held; target: Target }[] {
  return writes.flatMap(({ variable, part, held }) => {
    if (isKept(variable, plain(held))) return [];
    const parts = variables[variable]?.parts ?? 1;
    if (part !== undefined) return [{ held, target: { variable, part: parts > 1 ? part : 0 } }];
    if (held.from !== "stack" || held.parts.length !== parts) {
      return [{ held, target: { variable, part: parts > 1 ? -1 : 0 } }];
    }
    return held.parts.flatMap((part, at) => {
      const root = plain(part);
      const same = root.from === "slice" && root.at === at && isKept(variable, root.of);
      return same ? [] : [{ held: part, target: { variable, part: parts > 1 ? at : 0 } }];
    });
  });
}

/** Whether the output's layout is that of the target. */
function fits(
  root: Held,
  { variable, part }: Target,
  { apart }: Arranged,
  variables: readonly VariableLayout[],
): boolean {
  const layout = variables[variable];
  if (layout === undefined) return false;
  if (part !== -1) return !apart.has(root);
  return apart.has(root) || layout.strideBytes === naturalBytes(root) / layout.parts;
}

/** A stack in one piece lies in a variable as a whole or not at all. */
function giveUpPieces(
  { pieces }: Arranged,
  variables: readonly VariableLayout[],
  of: Map<Held, Target>,
  copies: { held: Held; target: Target }[],
): void {
  for (const { leaves } of pieces) {
    const first = leaves[0] === undefined ? undefined : of.get(leaves[0]);
    const inOrder =
      first !== undefined &&
      variables[first.variable]?.whole === true &&
      leaves.every((leaf, at) => of.get(leaf)?.variable === first.variable && of.get(leaf)?.part === at);
    if (inOrder) continue;
    for (const leaf of leaves) {
      const target = of.get(leaf);
      if (target === undefined) continue;
      of.delete(leaf);
      copies.push({ held: leaf, target });
    }
  }
}

/** Whether a value is just the target's old content. */
function isTarget(held: Held, { variable, part }: Target, variables: readonly VariableLayout[]): boolean {
  const root = plain(held);
  if (root.from === "variable")
    return root.variable === variable && (part === -1 || variables[variable]?.parts === 1);
  return root.from === "slice" && isKept(variable, root.of) && root.at === part;
}

interface Reads {
  /** The last step that reads any of the target's old content; −1: none. */
  last(target: Target): number;
  touches(held: Held, target: Target): boolean;
  add(held: Held, step: number): void;
}

function lastReads({ steps }: Arranged, variables: readonly VariableLayout[]): Reads {
  const last = new Map<number, number[]>();
  /** The variables and parts of them that a value lies in. */
  const eachRange = (held: Held, visit: (variable: number, part: number) => void): void => {
    switch (held.from) {
      case "step":
        return;
      case "variable":
        visit(held.variable, -1);
        return;
      case "reshape":
        eachRange(held.of, visit);
        return;
      case "stack":
        for (const part of held.parts) eachRange(part, visit);
        return;
      case "slice":
        if (held.of.from === "variable" && (variables[held.of.variable]?.parts ?? 1) > 1)
          visit(held.of.variable, held.at);
        else eachRange(held.of, visit);
    }
  };
  const add = (held: Held, step: number): void =>
    eachRange(held, (variable, part) => {
      const parts = last.get(variable) ?? Array.from({ length: variables[variable]?.parts ?? 1 }, () => -1);
      last.set(variable, parts);
      if (part === -1) parts.fill(step);
      else parts[part] = step;
    });
  steps.forEach(({ inputs }, at) => inputs.forEach((held) => add(held, at)));
  return {
    add,
    last: ({ variable, part }) => {
      const parts = last.get(variable) ?? [];
      return part === -1 ? parts.reduce((max, step) => Math.max(max, step), -1) : (parts[part] ?? -1);
    },
    touches: (held, target) => {
      let found = false;
      eachRange(held, (variable, part) => {
        found ||= variable === target.variable && (part === -1 || target.part === -1 || part === target.part);
      });
      return found;
    },
  };
}
