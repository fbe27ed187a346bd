// Gradient accumulation: the program of one micro-batch adds its loss and its gradients to what the variables hold, so that any
// number of micro-batches makes one step. The program "update" uses the sums and clears them.
//
// Requires a program that leaves a scalar, its share of the step's loss, in the variable `loss`. Ensures: every trained tensor
// that the program reads has its gradient, in f32, added to its variable; the loss is added likewise; all else stays.
import { apply, parameter } from "../ir/build.ts";
import type { Program, Region, TensorType, Value } from "../ir/graph.ts";
import { differentiate } from "./differentiate.ts";
import type { KernelGradients } from "./differentiate-context.ts";
import { at, unrounded } from "./rebuild.ts";
import { moveAlong } from "./tangent.ts";

export interface Accumulation {
  /** The variable that the differentiated result is left in. */
  readonly loss: string;
  /** Trained variables, and those that their gradients are kept in: f32, of the same shape. */
  readonly trained: readonly { readonly weight: string; readonly gradient: string }[];
  /** Variables to move along directions: those of each are the program's result of that name, which is used up. */
  readonly along?: readonly { readonly weight: string; readonly direction: string }[];
  /** The variable that the loss's growth along the directions is added to. */
  readonly slope?: string;
  readonly kernelGradients?: KernelGradients;
  /** What the gradients are multiplied by: a number, or the variable that holds it. */
  readonly scale?: number | string | undefined;
  /** What is done to the forward region first, such as cutting it into segments. */
  readonly before?: (region: Region) => Region;
}

export function accumulate(measured: Program, request: Accumulation): Program {
  const { loss, slope, kernelGradients, before, scale } = request;
  const { program, seed } = scaledBy(scale, moving(measured, request));
  const of = program.writes.indexOf(loss);
  if (of < 0) throw new Error(`the program ${program.name} leaves nothing in ${loss}`);
  const trained = request.trained.filter(({ weight }) => program.reads.includes(weight));
  const withRespectTo = trained.map(({ weight }) => program.reads.indexOf(weight));
  const region = before === undefined ? program.region : before(program.region);
  const { parameters, results } = differentiate(region, {
    of,
    withRespectTo,
    ...(seed === undefined ? {} : { seed }),
    ...(kernelGradients === undefined ? {} : { kernelGradients }),
  });

  const reads = [...program.reads];
  const given = [...parameters];
  const held = (name: string, type: TensorType): Value => {
    const known = reads.indexOf(name);
    if (known >= 0) return at(given, known);
    const value = parameter({ shape: type.shape, type: "f32" }, name);
    reads.push(name);
    given.push(value);
    return value;
  };
  const added = (name: string, value: Value): Value =>
    apply("add", [held(name, value), unrounded(value)], {}, [], value.node.origin);
  const own = results
    .slice(0, program.writes.length)
    .map((value, index) =>
      index === of || program.writes[index] === slope ? added(at(program.writes, index), value) : value,
    );
  const sums = trained.map(({ gradient }, index) => added(gradient, at(results, own.length + index)));
  return {
    name: program.name,
    reads,
    writes: [...program.writes, ...trained.map(({ gradient }) => gradient)],
    region: { parameters: given, results: [...own, ...sums] },
  };
}

/** The program that reads the scale, and the scale in its region. */
function scaledBy(
  scale: number | string | undefined,
  program: Program,
): { readonly program: Program; readonly seed?: Value } {
  if (scale === undefined) return { program };
  if (typeof scale === "number")
    return { program, seed: apply("constant", [], { value: scale, type: "f32", shape: [] }) };
  const seed = parameter({ shape: [], type: "f32" }, scale);
  const { reads, region } = program;
  const parameters = [...region.parameters, seed];
  return { program: { ...program, reads: [...reads, scale], region: { ...region, parameters } }, seed };
}

/** The program with the loss's growth along the directions as one more result, in place of the directions. */
function moving(program: Program, { loss, slope, along = [] }: Accumulation): Program {
  if (along.length === 0 || slope === undefined) return program;
  const { reads, writes, region } = program;
  const directions = new Map(
    along.map(({ weight, direction }) => [
      at(region.parameters, reads.indexOf(weight)),
      at(region.results, writes.indexOf(direction)),
    ]),
  );
  const used = new Set(along.map(({ direction }) => direction));
  const kept = [...writes.keys()].filter((index) => !used.has(at(writes, index)));
  const results = kept.map((index) => at(region.results, index));
  const moved = moveAlong({ parameters: region.parameters, results }, directions);
  const growth = at(moved.results, results.length + kept.indexOf(writes.indexOf(loss)));
  return {
    ...program,
    writes: [...kept.map((index) => at(writes, index)), slope],
    region: { parameters: region.parameters, results: [...moved.results.slice(0, results.length), growth] },
  };
}
