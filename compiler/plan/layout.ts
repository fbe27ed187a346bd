// How variables lie, decided over all programs since they lie the same in each: which are cut into parts, and which of those
// are also bound whole, so that their parts lie together. In: the unrolled programs. Out: a layout for each variable, the
// programs' steps with the copies their layouts ask for (`arrange.ts`), and what stands in the way as data.
import type { Module, Variable } from "../ir/graph.ts";
import type { Span } from "../../grammar/source.ts";
import { arrange, type Arranged, type Premises } from "./arrange.ts";
import { naturalBytes, plain, roundUp, type Held } from "./held.ts";
import type { DeviceProfile } from "./plan.ts";
import type { Unrolled } from "./unroll.ts";

/** Why no plan can be made, as data; the caller draws it. */
export interface Obstacle {
  readonly message: string;
  readonly span: Span | undefined;
}

/** How one variable lies. */
export interface VariableLayout {
  /** 1, or one a layer. */
  readonly parts: number;
  /** Bytes of one part, a multiple of 4. */
  readonly partBytes: number;
  /** Bytes from one part to the next where they lie together. */
  readonly strideBytes: number;
  /** Whether some kernel binds all parts at once, so that they lie together. */
  readonly whole: boolean;
  readonly used: boolean;
}

export interface Layout {
  readonly variables: readonly VariableLayout[];
  readonly programs: readonly Arranged[];
  readonly obstacles: readonly Obstacle[];
}

export function layOut(
  module: Module,
  programs: readonly Unrolled[],
  profile: DeviceProfile,
  copying: Premises["copying"],
): Layout {
  const obstacles: Obstacle[] = [];
  const alignment = profile.limits.minStorageBufferOffsetAlignment;
  const cut = new Set<number>();
  const whole = new Set<number>();
  const used = new Set<number>();

  // First what is asked of each value, over all programs: a variable lies the same in all of them.
  const seen = new Set<Held>();
  const look = (held: Held): void => {
    if (seen.has(held)) return;
    seen.add(held);
    if (held.from === "variable") used.add(held.variable);
    else if (held.from === "reshape") look(held.of);
    else if (held.from === "stack") held.parts.forEach(look);
    else if (held.from === "slice") {
      if (held.of.from === "variable") cut.add(held.of.variable);
      look(held.of);
    }
  };
  for (const program of programs) {
    for (const step of program.steps) step.inputs.forEach(look);
    for (const { variable, part, held } of program.writes) {
      used.add(variable);
      if (isKept(variable, held)) continue;
      if (held.from === "stack" || part !== undefined) cut.add(variable);
      look(held);
    }
  }
  const partsOf = module.variables.map((variable, index) =>
    variable.stack || (cut.has(index) && !isRead(variable)) ? (variable.shape[0] ?? 1) : 1,
  );

  const bindsWhole = (held: Held): void => {
    if (held.from === "variable" && (partsOf[held.variable] ?? 1) > 1) whole.add(held.variable);
    if (held.from === "reshape") bindsWhole(held.of);
    if (held.from === "stack") for (const part of held.parts) if (part.from === "slice") bindsWhole(part.of);
    // A slice of a variable is a part; any other slice is a range of something that must be in one piece.
    if (held.from === "slice" && held.of.from !== "variable") bindsWhole(held.of);
  };
  for (const program of programs) {
    const read = new Set<Held>();
    for (const step of program.steps) {
      step.inputs.forEach(bindsWhole);
      for (const input of step.inputs) read.add(plain(input));
    }
    for (const { variable, part, held } of program.writes) {
      if (part !== undefined || isKept(variable, held)) continue;
      if (held.from !== "stack" && (partsOf[variable] ?? 1) > 1) whole.add(variable);
      // What is read whole after it was collected into a variable lies whole in that variable.
      if (held.from === "stack" && read.has(held)) whole.add(variable);
    }
  }

  const variables = module.variables.map((variable, index): VariableLayout => {
    const parts = partsOf[index] ?? 1;
    const partBytes = roundUp(naturalBytes(variable) / parts, 4);
    const strideBytes = parts > 1 ? roundUp(partBytes, alignment) : partBytes;
    const span = variable.origin.recipe ?? variable.origin.source;
    if (used.has(index) && partBytes === 0) {
      obstacles.push({
        message: `'${variable.name}' holds nothing: its shape is [${variable.shape.join(", ")}]`,
        span,
      });
    }
    return { parts, partBytes, strideBytes, whole: whole.has(index), used: used.has(index) };
  });

  const premises = { variables, alignment, limits: profile.limits, copying };
  const arranged = programs.map((program) => arrange(program, premises));
  return { variables, programs: arranged, obstacles };
}

/** Whether the write leaves the variable as it is. */
export function isKept(variable: number, held: Held): boolean {
  return held.from === "variable" && held.variable === variable;
}

/** Variables read from files are uploaded tensor by tensor, so only declared stacks of them are cut. */
function isRead(variable: Variable): boolean {
  return "names" in variable.initial;
}
