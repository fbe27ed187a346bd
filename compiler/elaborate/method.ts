// Training by other means than backpropagation, as definitions of the kind `method` say it.
//
// What a method says. Its `step(loss, s)` is one step of training, a straight list of what is done to the weights and measured:
//   loss()                 the loss of the whole batch on the weights as they are now, a scalar on the device
//   loss(along: w => v)    that loss, and how fast it grows when each tensor w moves along v: (loss, slope), by forward-mode differentiation
//   each(w => x)           each tensor w takes the value x, in place
//   normal(like: w)        normal numbers for w, a function of (seed, step, tensor, element): asked again in a step, they are the same again
//   kept(w => condition)   decided for each element before the first step, and kept: a function that gives the condition for w again
//   block(w), blocks       the number of the block of layers that w stands in, and how many blocks there are
// `s` is the step's number. The value of `step` is a function that gives each tensor its gradient, or an estimate of it. What is done with
// that is the optimizer's, as ever: MeZO is `method mezo` with `optimizer sgd`, its momentum and Adam forms are other optimizers.
// Where it gives a pair (gradient, moves), tensors and their optimizer states change only where `moves` holds.
//
// What it becomes. A measured loss is a run of the program "micro" over all micro-batches; what stands between two of them becomes a
// program that is run once: "move 1", "move 2", … Scalars that were measured stay on the device in variables of their own. What is done to
// the weights after the last measurement is part of the update, so that putting them back and updating them is one pass. The norm of
// the estimates has a program of its own, "norm": nothing random is shared between two programs, so nothing random is ever stored.
//
// The recipe may except tensors (`first_order: [patterns]`): they are not moved, and have their gradients by backpropagation, the
// mean over the measured losses. In a two-sided estimate that is the gradient at the middle, to second order (Park et al., 2025).
import type { Span } from "../../grammar/source.ts";
import type { Definition } from "../../grammar/syntax.ts";
import type { StepRun } from "../ir/graph.ts";
import { gradientNorm } from "./clipping.ts";
import { inner } from "./environment.ts";
import { evaluateStatements } from "./expressions.ts";
import { bindParameters } from "./functions.ts";
import { clearedTo, gradientOf, parameterMeaning, type GradientSource } from "./gradient-source.ts";
import { stateVariable } from "./io.ts";
import { withoutMethod } from "./job.ts";
import { keptFor, keptVariable } from "./kept-bits.ts";
import {
  describe,
  number,
  poison,
  type Declared,
  type Meaning,
  type Passed,
  type TensorMeaning,
} from "./meaning.ts";
import { eachPart, movable } from "./method-weights.ts";
import { confined } from "./moving.ts";
import { methodMeaning } from "./parts.ts";
import { traceProgram, type Traced, type Write } from "./programs.ts";
import { asTensor, elementwise } from "./tensors.ts";
import { fail, read, traced, type Frame, type Workspace } from "./workspace.ts";

/** What the recipe's method is given to work on. */
export interface MethodInput {
  readonly definition: Definition;
  readonly options: readonly Passed[];
  readonly span: Span;
  /** The tensors that it moves. */
  readonly estimated: readonly Declared[];
  /** Tensors that are excepted: their gradients come by backpropagation. */
  readonly exact: readonly Declared[];
}

/** A step by a method: its programs beside "micro" and "update", and what those two have to know. */
export interface MethodStep {
  readonly programs: readonly Traced[];
  readonly step: readonly StepRun[];
  readonly source: GradientSource;
  /** What "micro" leaves beside the loss, traced there: the direction that each tensor moves along. */
  readonly directions: () => readonly Write[];
  readonly along: readonly Direction[];
}

/** A tensor, and the variable that names its direction until differentiation. */
export interface Direction {
  readonly weight: string;
  readonly direction: string;
}

type OfWeight = (w: TensorMeaning) => Meaning;

/** What has been measured in a run of "micro": the variables it is kept in, and those that "micro" adds it up in. */
interface Measured {
  readonly kept: readonly Declared[];
  readonly sums: readonly Declared[];
}

export function methodStep(ws: Workspace, input: MethodInput): MethodStep {
  const { definition, span, estimated, exact } = input;
  const recording = new Recording(ws, input);
  const gradient = traced(ws, () => evaluated(ws, input, recording), recording.frame).result;
  if (recording.measured.length === 0)
    fail(
      "FTL0740",
      definition.name.span,
      `${definition.name.text} measures no loss`,
      "step(…) calls no loss()",
    );
  const source = sourceOf(ws, recording, gradient, input);
  const norm = stateVariable("norm", "io", span);
  recording.program("norm", () => [
    {
      declared: norm,
      value: asTensor(ws, gradientNorm(ws, [...estimated, ...exact], source, span), span).value,
    },
  ]);
  const { programs, step, frame, direction } = recording;
  const along = direction === undefined ? [] : estimated;
  return {
    programs,
    step: [...step, { program: "update", each: "step" }],
    source: { ...source, frame },
    directions: () =>
      along.map((weight) => ({
        declared: directionOf(weight),
        value: eachPart(
          ws,
          weight,
          recording.kept(weight),
          recording.outside,
          span,
          direction ?? (() => poison),
        ),
      })),
    along: along.map((weight) => ({ weight: weight.name, direction: directionOf(weight).name })),
  };
}

/** Runs the method's `step`; gives the function that its value is. */
function evaluated(
  ws: Workspace,
  { definition, options, span }: MethodInput,
  recording: Recording,
): OfWeight {
  const env = inner(undefined, {
    method: (method, scope) => scope.bindings.set(method.name.text, methodMeaning(ws, scope, method)),
  });
  for (const [name, meaning] of recording.words()) env.bindings.set(name, meaning);
  bindParameters(ws, env, definition.name.text, definition.parameters, options, span);
  evaluateStatements(ws, env, definition.body.statements);
  const step = env.bindings.get("step");
  if (step?.kind !== "function") return withoutMethod(definition, "step");
  const passed = [recording.loss(), { kind: "scalar", expression: { name: "step" } } as const];
  const at = { kind: "missing", span } as const;
  const result = step.call(
    passed.map((meaning): Passed => ({ name: undefined, meaning, span })),
    at,
  );
  return ofWeight(result, definition.name.span);
}

/** A function of one tensor. */
function ofWeight(meaning: Meaning, span: Span): OfWeight {
  if (meaning.kind === "poison") return () => poison;
  if (meaning.kind !== "function")
    return fail(
      "FTL0703",
      span,
      `expected a function such as w => …, found ${describe(meaning)}`,
      "not a function",
    );
  return (w) => meaning.call([{ name: undefined, meaning: w, span }], { kind: "missing", span });
}

/** Records what a step does, program by program. */
class Recording {
  /** All programs of the step are traced in one frame, so that what was measured means the same in all of them. */
  readonly frame: Frame = { reads: new Map() };
  readonly programs: Traced[] = [];
  readonly step: StepRun[] = [];
  readonly measured: Measured[] = [];
  /** What is done to each tensor since the last measurement. */
  moves: OfWeight[] = [];
  direction: OfWeight | undefined;
  /** What is kept of the tensors, by their names: one variable for each time that `kept` is called. */
  readonly #kept = new Map<string, readonly Declared[]>();
  /** The block of what stands outside of layers. */
  readonly outside: number;
  readonly #ws: Workspace;
  readonly #input: MethodInput;
  /** Measured, and not yet put aside from where "micro" adds it up. */
  #fresh: Measured | undefined;

  constructor(ws: Workspace, input: MethodInput) {
    this.#ws = ws;
    this.#input = input;
    const layers = input.estimated.flatMap(({ parts, layer }) => [
      layer,
      ...(parts ?? []).map((part) => part.layer),
    ]);
    this.outside = 1 + Math.max(-1, ...layers.map((layer) => layer?.index ?? -1));
  }

  /** The variables that are kept for a tensor. */
  kept({ name }: Declared): readonly Declared[] {
    return this.#kept.get(name) ?? [];
  }

  /** The tensor as the recorded moves leave it. */
  moved(w: TensorMeaning): TensorMeaning {
    const { trained } = w;
    return this.moves.reduce<TensorMeaning>(
      (now, move) => ({ ...asTensor(this.#ws, move(now), this.#input.span), ...(trained && { trained }) }),
      w,
    );
  }

  /** A program that runs once a step, after putting aside what was measured before it. */
  program(name: string, writes: () => readonly Write[]): void {
    const fresh = this.#fresh;
    this.#fresh = undefined;
    const { span } = this.#input;
    const aside = (): readonly Write[] => [
      ...(fresh?.kept ?? []).map((declared) => ({ declared, value: read(this.#ws, declared) })),
      ...(fresh?.sums ?? []).map((declared) => clearedTo(this.#ws, declared, span)),
    ];
    const made = traceProgram(this.#ws, name, () => [...aside(), ...writes()], this.frame);
    this.programs.push(fresh === undefined ? made : readingSums(made, fresh));
    this.step.push({ program: name, each: "step" });
  }

  /** The names that a method is given beside its parameters. */
  words(): readonly (readonly [string, Meaning])[] {
    const { span, estimated } = this.#input;
    const block = ({ meaning }: Passed): Meaning =>
      (meaning.kind === "tensor" ? meaning.trained?.block : undefined) ?? none(span);
    const isOutside = estimated.some(({ parts, layer }) => parts === undefined && layer === undefined);
    return [
      [
        "each",
        named("each", ([move]) => {
          if (move !== undefined) this.moves.push(ofWeight(move.meaning, move.span));
          return { kind: "none" };
        }),
      ],
      ["kept", named("kept", ([condition]) => (condition === undefined ? poison : this.#keep(condition)))],
      ["block", named("block", ([w]) => (w === undefined ? poison : block(w)))],
      ["blocks", number(this.outside + (isOutside ? 1 : 0))],
    ];
  }

  #keep({ meaning, span }: Passed): Meaning {
    const condition = ofWeight(meaning, span);
    const { estimated } = this.#input;
    const number = 1 + Math.max(0, ...estimated.map((weight) => this.kept(weight).length));
    for (const weight of estimated) {
      const variable = keptVariable(this.#ws, weight, number, this.outside, span, condition);
      this.#kept.set(weight.name, [...this.kept(weight), variable]);
    }
    return named("kept", ([w]) => {
      const of = w?.meaning.kind === "tensor" ? w.meaning : undefined;
      const variable = this.#kept.get(of?.trained?.variable ?? "")?.[number - 1];
      if (of === undefined || variable === undefined)
        return fail(
          "FTL0703",
          w?.span ?? span,
          "what is kept is kept for tensors that train",
          "not a trained tensor",
        );
      const { parts, shape } = variable;
      const part = parts === undefined ? variable : { ...variable, shape: shape.slice(1), parts: undefined };
      return keptFor(this.#ws, part, of, span);
    });
  }

  /** Measures the loss on the weights as they are. */
  loss(): Meaning {
    return named("loss", (passed) => {
      const along = passed.find(({ name }) => name === "along");
      if (along !== undefined) this.#alongOnce(along);
      this.#flush();
      const { span } = this.#input;
      const number = this.measured.length + 1;
      const names = this.direction === undefined ? ["loss"] : ["loss", "slope"];
      const measured: Measured = {
        kept: names.map((name) => stateVariable(`${name} ${number}`, "io", span)),
        sums: names.map((name) => stateVariable(name, "io", span)),
      };
      this.measured.push(measured);
      this.#fresh = measured;
      this.step.push({ program: "micro", each: "micro-batch" });
      const meanings = measured.kept.map(parameterMeaning);
      return along === undefined ? (meanings[0] ?? poison) : { kind: "tuple", elements: meanings };
    });
  }

  /** Makes a program of what has been done since the last measurement. */
  #flush(): void {
    if (this.moves.length === 0 && this.#fresh === undefined) return;
    const { span, estimated } = this.#input;
    const name = `move ${this.programs.length + 1}`;
    const still = this.moves.length === 0;
    this.program(name, () =>
      still
        ? []
        : estimated.map((declared) => {
            const value = eachPart(this.#ws, declared, this.kept(declared), this.outside, span, (w) =>
              this.moved(w),
            );
            return { declared, value };
          }),
    );
    this.moves = [];
  }

  #alongOnce({ meaning, span }: Passed): void {
    if (this.measured.length > 0)
      fail("FTL0740", span, "a step that moves along a direction measures one loss", "after another loss()");
    this.direction = ofWeight(meaning, span);
  }
}

function named(label: string, run: (passed: readonly Passed[]) => Meaning): Meaning {
  return { kind: "function", label, call: (passed) => run(passed) };
}

function none(span: Span): never {
  return fail("FTL0703", span, "'block' needs a tensor that trains", "not a trained tensor");
}

/** The program with what was just measured read from where "micro" added it up. */
function readingSums({ program, declared }: Traced, { kept, sums }: Measured): Traced {
  const sumOf = (name: string): Declared | undefined => sums[kept.findIndex((each) => each.name === name)];
  const reads = program.reads.map((name) => sumOf(name)?.name ?? name);
  return { program: { ...program, reads }, declared: [...declared, ...sums] };
}

/** The gradients that the method's value gives, and those by backpropagation of the tensors that are excepted. */
function sourceOf(
  ws: Workspace,
  recording: Recording,
  gradient: OfWeight,
  input: MethodInput,
): GradientSource {
  const { span, exact } = input;
  const { measured, outside } = recording;
  const isExact = new Set(exact.map(({ name }) => name));
  const share = number(1 / measured.length);
  return {
    frame: recording.frame,
    loss: () => {
      const losses = measured.flatMap(({ kept }) => kept.slice(0, 1)).map(parameterMeaning);
      const total = losses.reduce((sum, each) => elementwise(ws, "add", [sum, each], span));
      return elementwise(ws, "multiply", [total, share], span);
    },
    norm: () => parameterMeaning(stateVariable("norm", "io", span)),
    beside: (weight) => (isExact.has(weight.name) ? [gradientOf(weight)] : recording.kept(weight)),
    estimate: (parameter, part) => {
      if (isExact.has(parameter.name)) {
        const sum = parameterMeaning(gradientOf(parameter));
        const mean = elementwise(ws, "multiply", [sum, share], span);
        return confined(
          ws,
          parameter,
          { w: parameterMeaning(parameter), gradient: mean, moves: undefined },
          span,
        );
      }
      const w = recording.moved(movable(ws, parameter, part, outside, span));
      const found = gradient(w);
      const [estimated = poison, moves] = found.kind === "tuple" ? found.elements : [found];
      return confined(ws, parameter, { w, gradient: estimated, moves }, span);
    },
    cleared: () => exact.map((weight) => clearedTo(ws, gradientOf(weight), span)),
  };
}

/** The variable that names a tensor's direction until differentiation. */
function directionOf(weight: Declared): Declared {
  const name = `direction of ${weight.name}`;
  return { ...gradientOf(weight), name, shown: name };
}
