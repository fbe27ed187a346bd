// A record and one of its samples as a region: its parameters are the sample's inputs, its results the outputs.
import { NOWHERE, applyAll, builderFor, parameter } from "../../../compiler/ir/build.ts";
import type { Region, Value } from "../../../compiler/ir/graph.ts";
import { operations } from "../../../compiler/ops/index.ts";
import type { Operation, Sample, Tensor } from "../../../compiler/ops/operation.ts";

export interface Trial {
  readonly title: string;
  readonly record: Operation;
  readonly sample: Sample;
}

export const trials: readonly Trial[] = [...operations.values()].flatMap((record) =>
  record.samples.map((sample) => {
    const inputs = sample.inputs.map(({ type, shape }) => `${type}[${shape.join(",")}]`).join(" ");
    return { title: `${record.name} ${inputs} ${JSON.stringify(sample.attributes)}`, record, sample };
  }),
);

export function regionOf({ record, sample }: Trial): Region {
  const parameters = sample.inputs.map((input, i) => parameter(input, `x${i}`));
  return { parameters, results: applyAll(record.name, parameters, sample.attributes) };
}

/** The gradients by the record's rule, given those of the outputs as further parameters; only of float inputs. */
export function gradientRegion(trial: Trial): { region: Region; inputs: readonly number[] } | undefined {
  const { record, sample } = trial;
  if (record.gradient === undefined) return undefined;
  const { parameters, results } = regionOf(trial);
  const flowing: Value[] = results.map((result, i) => parameter(result, `g${i}`));
  const wants = (input: number): boolean => sample.inputs[input]?.type.includes("f") ?? false;
  const gradients = record.gradient({
    builder: builderFor(NOWHERE),
    inputs: parameters,
    attributes: sample.attributes,
    regions: [],
    outputs: results,
    gradients: flowing,
    wants,
  });
  const found = gradients.flatMap((gradient, input) => (gradient === undefined ? [] : [{ gradient, input }]));
  if (found.length === 0) return undefined;
  return {
    region: { parameters: [...parameters, ...flowing], results: found.map(({ gradient }) => gradient) },
    inputs: found.map(({ input }) => input),
  };
}

export function tensors(sample: Sample): Tensor[] {
  return sample.inputs.map(({ shape, data }) => ({ shape, data: Float64Array.from(data) }));
}

export function tensor(shape: readonly number[], data: readonly number[]): Tensor {
  return { shape, data: Float64Array.from(data) };
}

/** The outputs' tangents by the record's rule, given those of the float inputs as further parameters. */
export function tangentRegion(trial: Trial): { region: Region; inputs: readonly number[] } | undefined {
  const { record, sample } = trial;
  if (record.tangent === undefined) return undefined;
  const { parameters, results } = regionOf(trial);
  const inputs = [...sample.inputs.keys()].filter(
    (input) => sample.inputs[input]?.type.includes("f") ?? false,
  );
  const moving = inputs.map((input) => parameter(parameters[input] as Value, `t${input}`));
  const tangents = record.tangent({
    builder: builderFor(NOWHERE),
    operation: record.name,
    inputs: parameters,
    attributes: sample.attributes,
    outputs: results,
    tangents: parameters.map((_, input) => moving[inputs.indexOf(input)]),
  });
  const found = tangents.filter((tangent) => tangent !== undefined);
  if (found.length < results.length) return undefined;
  return { region: { parameters: [...parameters, ...moving], results: found }, inputs };
}
