// Gives every input of every step a layout it can be bound in. Where a value is wanted in a layout that it does not have (slices
// that are no whole units, a strided stack under another shape, parts that lie apart), a copy is inserted before the step.
//
// Ensures: every input of a step is one range of bytes; no two inputs of a step share bytes; steps keep their order.
import { makeNode, type Node, type TensorType } from "../ir/graph.ts";
import {
  makeStep,
  naturalBytes,
  plain,
  reshaped,
  roundUp,
  sliceOf,
  stackOf,
  type Held,
  type Step,
} from "./held.ts";
import type { VariableLayout } from "./layout.ts";
import type { DeviceLimits } from "./plan.ts";
import type { Unrolled } from "./unroll.ts";

export interface Arranged {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly writes: Unrolled["writes"];
  readonly collected: Unrolled["collected"];
  /** Step outputs whose slices along the first axis are aligned apart. */
  readonly apart: ReadonlySet<Held>;
  /** Stacks that lie in one piece. */
  readonly pieces: readonly Piece[];
  /** Copies that were inserted. */
  readonly copies: number;
}

/** What arranging needs to know, the same for all programs. */
export interface Premises {
  readonly variables: readonly VariableLayout[];
  readonly alignment: number;
  readonly limits: DeviceLimits;
  /** A fused node that copies a value of the type of `like`. */
  copying(like: TensorType): Node;
}

/** The step outputs that a stack is made of, in order, `strideBytes` from one to the next. */
export interface Piece {
  readonly stack: Held;
  readonly leaves: readonly Held[];
  readonly strideBytes: number;
}

type Near = Pick<Step, "path" | "origin" | "loop">;
type Stack = Held & { readonly from: "stack" };

export function arrange(program: Unrolled, premises: Premises): Arranged {
  const { variables, alignment } = premises;
  const steps: Step[] = [];
  const apart = slicedOutputs(program, premises);
  const ready = new Map<Held, Held>();
  const moved = new Map<Held, Held>();
  const pieces: Piece[] = [];
  const inPiece = new Set<Held>();
  let copies = 0;

  const copy = (held: Held, near: Near): Held => {
    const step = makeStep(premises.copying(held), [held], near);
    steps.push(step);
    copies += 1;
    return step.outputs[0] ?? held;
  };

  /** Whether slices of the value are further apart than they are long. */
  const isApart = (held: Held): boolean => {
    switch (held.from) {
      case "variable": {
        const layout = variables[held.variable];
        return (
          layout !== undefined && layout.parts > 1 && layout.strideBytes !== naturalBytes(held) / layout.parts
        );
      }
      case "stack":
        return naturalBytes(held) / held.parts.length !== sliceStride(held, alignment);
      case "reshape":
        return isApart(held.of);
      case "step":
        return apart.has(held);
      case "slice":
        return false;
    }
  };

  const bindable = (held: Held, near: Near): Held => {
    const known = ready.get(held);
    if (known !== undefined) return known;
    const made = place(held, near);
    ready.set(held, made);
    return made;
  };

  const place = (held: Held, near: Near): Held => {
    switch (held.from) {
      case "variable":
      case "step":
        return held;
      case "reshape": {
        const of = bindable(held.of, near);
        const fits = !isApart(of) || of.shape[0] === held.shape[0];
        return reshaped(fits ? of : copy(of, near), held.shape);
      }
      case "stack":
        return onePiece(held, near);
      case "slice": {
        if (held.of.from === "variable" && (variables[held.of.variable]?.parts ?? 1) > 1) return held;
        const of = moved.get(held.of) ?? bindable(held.of, near);
        const isOnly = of.shape[0] === 1;
        if (isOnly || isApart(of) || naturalBytes(held) % alignment === 0) return sliceOf(of, held.at);
        const spread = copy(of, near);
        apart.add(spread);
        moved.set(held.of, spread);
        return sliceOf(spread, held.at);
      }
    }
  };

  const onePiece = (held: Stack, near: Near): Held => {
    if (isRun(held)) return held;
    if (held.parts.some((part) => part.from === "stack")) {
      const leaves = held.parts.flatMap((part) => (part.from === "stack" ? part.parts : [part]));
      const flat = stackOf(leaves, [leaves.length, ...held.shape.slice(2)], held.type);
      const together = bindable(flat, near);
      // Leaves that are no whole units of the alignment lie apart: side by side, they can be seen under another shape.
      return reshaped(isApart(flat) ? copy(together, near) : together, held.shape);
    }
    const roots = held.parts.map(plain);
    const known = pieces.find(
      ({ leaves }) => leaves.length === roots.length && leaves.every((leaf, at) => leaf === roots[at]),
    );
    if (known !== undefined) return held;
    const leaves = held.parts.map((part) => {
      const root = plain(part);
      const owned = root.from === "step" && !inPiece.has(root) && !apart.has(root);
      const leaf = owned ? root : copy(bindable(part, near), near);
      inPiece.add(leaf);
      return leaf;
    });
    pieces.push({ stack: held, leaves, strideBytes: sliceStride(held, alignment) });
    if (leaves.every((leaf, at) => leaf === held.parts[at])) return held;
    return stackOf(
      leaves.map((leaf) => reshaped(leaf, held.shape.slice(1))),
      held.shape,
      held.type,
    );
  };

  for (const step of program.steps) {
    const taken: Touch[] = [];
    const inputs = step.inputs.map((input) => {
      const held = bindable(input, step);
      const touches = touched(held);
      const clash = touches.some((touch) => taken.some((other) => meets(touch, other)));
      taken.push(...touches);
      return clash ? copy(held, step) : held;
    });
    steps.push({ ...step, inputs });
  }
  const end = { path: "", origin: { source: undefined, recipe: undefined, path: "" }, loop: -1 };
  const writes = program.writes.map(({ variable, part, held }) => {
    if (part !== undefined) return { variable, part, held: bindable(held, end) };
    if (held.from !== "stack" || held.parts.length !== variables[variable]?.parts)
      return { variable, held: bindable(held, end) };
    const parts = held.parts.map((part) => bindable(part, end));
    return {
      variable,
      held: parts.every((part, at) => part === held.parts[at]) ? held : stackOf(parts, held.shape, held.type),
    };
  });
  const { name, collected } = program;
  return { name, steps, writes, collected, apart, pieces, copies };
}

/** Outputs that are read by slices, or written to the parts of a variable, which are no whole units of the alignment. */
function slicedOutputs(program: Unrolled, { variables, alignment }: Premises): Set<Held> {
  const found = new Set<Held>();
  for (const { variable, part, held } of program.writes) {
    const parts = part === undefined ? (variables[variable]?.parts ?? 1) : 1;
    if (held.from === "step" && parts > 1 && (naturalBytes(held) / parts) % alignment !== 0) found.add(held);
  }
  const look = (held: Held): void => {
    if (held.from === "reshape") look(held.of);
    if (held.from !== "slice") return;
    const { of } = held;
    if (of.from === "step" && of.shape[0] !== 1 && naturalBytes(held) % alignment !== 0) found.add(of);
    look(of);
  };
  for (const step of program.steps) step.inputs.forEach(look);
  return found;
}

/** Bytes from slice to slice along the first axis, aligned. */
export function sliceStride(held: Held, alignment: number): number {
  return roundUp(naturalBytes(held) / (held.shape[0] ?? 1), alignment);
}

/** Whether a stack is made of neighbouring slices of one value. */
function isRun({ parts }: Stack): boolean {
  const [first] = parts;
  if (first?.from !== "slice") return false;
  return parts.every(
    (part, at) => part.from === "slice" && part.of === first.of && part.at === first.at + at,
  );
}

/** A range of bytes a value lies in: all of a value, or slice `part` of it along the first axis. */
interface Touch {
  readonly base: Held;
  readonly part: number | undefined;
}

function touched(held: Held): readonly Touch[] {
  switch (held.from) {
    case "variable":
    case "step":
      return [{ base: held, part: undefined }];
    case "reshape":
      return touched(held.of);
    case "stack":
      return held.parts.flatMap(touched);
    case "slice": {
      const outer = touched(held.of);
      const [only] = outer;
      if (outer.length === 1 && only !== undefined && only.part === undefined && only.base === held.of) {
        return [{ base: held.of, part: held.at }];
      }
      return outer;
    }
  }
}

function meets(a: Touch, b: Touch): boolean {
  return a.base === b.base && (a.part === undefined || b.part === undefined || a.part === b.part);
}

/** A maker of fused nodes that copy; one for each type, so that their kernels are chosen once. */
export function copyMaker(): Premises["copying"] {
  const made = new Map<string, Node>();
  return ({ shape, type }) => {
    const key = `${type}[${shape.join(",")}]`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const origin = { source: undefined, recipe: undefined, path: "" };
    const source = (): Node => makeNode("parameter", [], { name: "input" }, [], [{ shape, type }], origin);
    const inner = source().outputs;
    const node = makeNode(
      "fused",
      source().outputs,
      { template: "map" },
      [{ parameters: inner, results: inner }],
      [{ shape, type }],
      origin,
    );
    made.set(key, node);
    return node;
  };
}
