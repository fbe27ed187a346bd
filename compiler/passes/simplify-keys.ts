// Names for what a node computes, equal exactly where operation, attributes, inputs and regions are: the same key, the same value.
// A region's key says what it computes from its parameters, whatever these are called.
import { topological, type Attribute, type Attributes, type Region, type Value } from "../ir/graph.ts";

export interface Numbering {
  keyOf(
    operation: string,
    inputs: readonly Value[],
    attributes: Attributes,
    regions: readonly Region[],
  ): string;
}

export interface Keys {
  /** Numbers for the values of one region. */
  numbering(): Numbering;
  /** A number for what a region computes. */
  regionKey(region: Region): number;
}

export function makeKeys(): Keys {
  const numbers = new Map<string, number>();
  const seen = new WeakMap<Region, number>();

  const regionKey = (region: Region): number => {
    const known = seen.get(region);
    if (known !== undefined) return known;
    const text = regionText(region);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    seen.set(region, number);
    return number;
  };

  const regionText = (region: Region): string => {
    const { keyOf, place } = numberedFrom(region.parameters);
    const lines = region.parameters.map(({ type, shape }) => `${type}[${shape.join()}]`);
    for (const { operation, inputs, attributes, regions, outputs } of topological(region.results)) {
      if (operation === "parameter") continue;
      lines.push(keyOf(operation, inputs, attributes, regions));
      outputs.forEach(place);
    }
    return `${lines.join(";")};${region.results.map(place).join()}`;
  };

  const numberedFrom = (values: readonly Value[]): Numbering & { place: (value: Value) => number } => {
    const places = new Map<Value, number>();
    const place = (value: Value): number => {
      const number = places.get(value) ?? places.size;
      places.set(value, number);
      return number;
    };
    values.forEach(place);
    return {
      place,
      keyOf: (operation, inputs, attributes, regions) =>
        `${operation}(${inputs.map(place).join()}){${attributesText(attributes)}}${regions.map(regionKey).join()}`,
    };
  };

  return { numbering: () => numberedFrom([]), regionKey };
}

/** Nodes keep their attributes from sweep to sweep, so each is written once. */
const texts = new WeakMap<Attributes, string>();

function attributesText(attributes: Attributes): string {
  const known = texts.get(attributes);
  if (known !== undefined) return known;
  const names = Object.keys(attributes).toSorted();
  const text = names.map((name) => `${name}:${attributeText(attributes[name])}`).join();
  texts.set(attributes, text);
  return text;
}

/** JSON, but for zero: −0 and 0 are two numbers. */
function attributeText(attribute: Attribute | undefined): string {
  return Object.is(attribute, -0) ? "-0" : JSON.stringify(attribute);
}
