// The bindings of a kernel: which value each holds, how its elements lie in words, loads and stores of single elements.
//
// A 32-bit tensor is an array of its type, or of `vec4` where every access proves to be part of an aligned group of four
// (`wide`). 16-bit floats lie two in a u32 and four in a vec2<u32>; they are f32 in registers and rounded by the store. An
// output over an input is one binding. Bindings that the text never touches do not exist.
import { bytesOf, sizeOf, type ElementType, type TensorType } from "../ir/graph.ts";
import { halves, literal } from "../ops/wgsl.ts";
import type { KernelBinding } from "../plan/plan.ts";
import { add, aligned, constant, dot, stridesOf, type Index } from "./index.ts";
import type { BoundValue, Layouts } from "./kernel.ts";
import type { Writer } from "./writer.ts";

interface Binding {
  readonly name: string;
  readonly value: BoundValue;
  readonly type: ElementType;
  readonly strides: readonly number[];
  readonly elements: number;
  wide: boolean;
  reads: boolean;
  writes: boolean;
}

const LANES = ["x", "y", "z", "w"] as const;

export class Memory {
  /** Names of the bindings with an access that is no part of an aligned group of four. */
  readonly narrow = new Set<string>();
  /** WGSL functions that loads and stores call. */
  readonly functions = new Set<string>();
  /** How often elements of each input are loaded. */
  readonly loads = new Map<number, number>();
  /** The addresses of all loads and stores, in order: for asking which way a walk goes, and who touches an element. */
  readonly loaded: { readonly input: number; readonly address: Index }[] = [];
  readonly stored: { readonly output: number; readonly address: Index }[] = [];
  /** An input that an output is written over shares its binding, and keeps the strides of its own shape. */
  readonly #inputs: readonly { readonly binding: Binding; readonly strides: readonly number[] }[];
  readonly #outputs: readonly Binding[];

  /** `narrow`: bindings not to be tried as groups of four. */
  constructor(
    inputs: readonly TensorType[],
    outputs: readonly TensorType[],
    layouts: Layouts,
    narrow: ReadonlySet<string>,
  ) {
    const shared = new Map(layouts.inPlace.map(([output, input]) => [input, output]));
    const along = ({ shape }: TensorType, stride: number | undefined): readonly number[] => {
      const strides = stridesOf(shape);
      if (stride !== undefined && strides.length > 0) strides[0] = stride;
      return strides;
    };
    const make = (name: string, value: BoundValue, type: TensorType, stride: number | undefined): Binding => {
      const strides = along(type, stride);
      const elements = touched(type.shape, strides);
      const wide = elements % 4 === 0 && (strides[0] ?? 0) % 4 === 0 && !narrow.has(name);
      return { name, value, type: type.type, strides, elements, wide, reads: false, writes: false };
    };
    const written = outputs.map((type, output) => {
      const input = layouts.inPlace.find(([over]) => over === output)?.[1];
      const name = input === undefined ? `out${output}` : `both${output}`;
      return make(name, { input, output }, type, layouts.outputStrides[output]);
    });
    this.#outputs = written;
    this.#inputs = inputs.map((type, input) => {
      const over = shared.get(input);
      const both = over === undefined ? undefined : written[over];
      const stride = layouts.inputStrides[input];
      const binding = both ?? make(`in${input}`, { input, output: undefined }, type, stride);
      return { binding, strides: along(type, stride) };
    });
  }

  /** One element as a register value: a name or a component. */
  load(writer: Writer, input: number, coordinates: readonly Index[]): string {
    const { binding, strides } = this.#input(input);
    binding.reads = true;
    const address = dot(coordinates, strides);
    const parts = writer.namesOf(address);
    this.loaded.push({ input, address });
    // What stands at one place for a whole kernel, such as a scalar of the step, comes from the cache after the first time.
    const times = parts.length === 0 ? 1 : writer.timesOf(parts);
    this.loads.set(input, (this.loads.get(input) ?? 0) + times);
    const { name, type } = binding;
    const is16 = bytesOf[type] === 2;
    if (binding.wide) {
      const group = aligned(address, 4);
      if (group !== undefined) {
        const word = this.#word(
          writer,
          `${name}[${writer.index(group.part)}]`,
          `${name} ${group.part.key}`,
          parts,
        );
        const lane = group.offset;
        return is16
          ? half(writer, `${word}.${LANES[lane >> 1] ?? "x"}`, lane & 1, type)
          : `${word}.${LANES[lane] ?? "x"}`;
      }
      this.narrow.add(name);
      const at = writer.index(address);
      if (!is16) return writer.define("x", `${name}[${at} / 4u][${at} % 4u]`, parts);
      const word = writer.define("w", `${name}[${at} / 4u][(${at} / 2u) % 2u]`, parts);
      return anyHalf(writer, word, at, parts, type);
    }
    if (!is16)
      return this.#word(writer, `${name}[${writer.index(address)}]`, `${name} ${address.key}`, parts);
    const pair = aligned(address, 2);
    if (pair !== undefined) {
      const word = this.#word(
        writer,
        `${name}[${writer.index(pair.part)}]`,
        `${name} ${pair.part.key}`,
        parts,
      );
      return half(writer, word, pair.offset, type);
    }
    const at = writer.index(address);
    const word = writer.define("w", `${name}[${at} / 2u]`, parts);
    return anyHalf(writer, word, at, parts, type);
  }

  /**
   * Stores elements of an output, one for each list of coordinates. 16-bit elements come in pairs that share a word.
   * `consecutive`: the caller knows that they follow each other from the first.
   */
  store(
    writer: Writer,
    output: number,
    coordinates: readonly (readonly Index[])[],
    values: readonly string[],
    consecutive: boolean = false,
  ): void {
    const binding = this.#outputs[output];
    const [first] = coordinates;
    if (binding === undefined || first === undefined) throw new RangeError(`no output ${output}`);
    binding.writes = true;
    const { name, strides, type } = binding;
    const start = dot(first, strides);
    for (const place of coordinates) this.stored.push({ output, address: dot(place, strides) });
    const inOrder =
      consecutive ||
      coordinates.every((place, lane) => dot(place, strides).key === add(start, constant(lane)).key);
    const is16 = bytesOf[type] === 2;
    const group = inOrder && values.length === 4 ? aligned(start, 4) : undefined;
    if (binding.wide && group?.offset === 0) {
      const at = writer.index(group.part);
      const [a = "", b = "", c = "", d = ""] = values;
      if (!is16) writer.line(`${name}[${at}] = vec4<${type}>(${a}, ${b}, ${c}, ${d});`);
      else writer.line(`${name}[${at}] = vec2<u32>(${this.#pack(type, a, b)}, ${this.#pack(type, c, d)});`);
      return;
    }
    if (binding.wide) this.narrow.add(name);
    if (!is16) {
      coordinates.forEach((place, lane) =>
        writer.line(`${name}[${writer.index(dot(place, strides))}] = ${values[lane] ?? ""};`),
      );
      return;
    }
    const pair = aligned(start, 2);
    if (!inOrder || pair?.offset !== 0)
      throw new RangeError(`a 16-bit element of output ${output} stored alone`);
    for (let lane = 0; lane < values.length; lane += 2) {
      const at = writer.index(add(pair.part, constant(lane / 2)));
      writer.line(
        `${name}[${at}] = ${this.#pack(type, values[lane] ?? "0.0f", values[lane + 1] ?? "0.0f")};`,
      );
    }
  }

  declarations(): string {
    return this.#used()
      .map(({ name, type, wide }, index) => {
        const element = bytesOf[type] === 2 ? (wide ? "vec2<u32>" : "u32") : wide ? `vec4<${type}>` : type;
        return `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<${element}>;`;
      })
      .join("\n");
  }

  bindings(): readonly KernelBinding[] {
    return this.#used().map(({ name, type, elements, reads, writes }) => ({
      name,
      access: "read_write",
      reads,
      writes,
      bytes: Math.ceil((elements * bytesOf[type]) / 4) * 4,
    }));
  }

  values(): readonly BoundValue[] {
    return this.#used().map(({ value }) => value);
  }

  #used(): readonly Binding[] {
    const read = this.#inputs.map(({ binding }) => binding).filter(({ value }) => value.output === undefined);
    const all = [...read, ...this.#outputs];
    return all.filter(({ reads, writes }) => reads || writes);
  }

  #input(input: number): { readonly binding: Binding; readonly strides: readonly number[] } {
    const binding = this.#inputs[input];
    if (binding === undefined) throw new RangeError(`no input ${input}`);
    return binding;
  }

  #word(writer: Writer, text: string, what: string, parts: readonly string[]): string {
    const key = `word ${what}`;
    const found = writer.known(key);
    if (found !== undefined) return found;
    const name = writer.define("w", text, parts, { loads: 1 });
    writer.remember(key, name);
    return name;
  }

  #pack(type: ElementType, low: string, high: string): string {
    return packed(type, low, high, (text) => void this.functions.add(text));
  }
}

/** Two elements of a 16-bit type as one word; `use` is told of the functions that the text calls. */
export function packed(type: ElementType, low: string, high: string, use: (text: string) => void): string {
  const { bits, pack } = halves[type === "f16" ? "f16" : "bf16"];
  use(pack);
  return `(${bits}(${low}) | (${bits}(${high}) << 16u))`;
}

/** The elements from the first to the last one that is there. */
export function touched(shape: readonly number[], strides: readonly number[]): number {
  const [first = 1, ...rest] = shape;
  return (first - 1) * (strides[0] ?? 1) + sizeOf(rest);
}

/** Half of a word whose place is known when the kernel is written. */
function half(writer: Writer, word: string, which: number, type: ElementType): string {
  const key = `half ${type} ${type === "f16" ? "" : which} ${word}`;
  let found = writer.known(key);
  if (found === undefined) {
    const text =
      type === "f16"
        ? `unpack2x16float(${word})`
        : which === 0
          ? `bitcast<f32>(${word} << 16u)`
          : `bitcast<f32>(${word} & 0xffff0000u)`;
    found = writer.define("h", text, [word]);
    writer.remember(key, found);
  }
  return type === "f16" ? `${found}.${LANES[which] ?? "x"}` : found;
}

function anyHalf(
  writer: Writer,
  word: string,
  at: string,
  parts: readonly string[],
  type: ElementType,
): string {
  const all = [word, ...parts];
  return type === "f16"
    ? writer.define("x", `unpack2x16float(${word})[${at} % 2u]`, all)
    : writer.define("x", `bitcast<f32>((${word} >> ((${at} % 2u) * 16u)) << 16u)`, all);
}

/** What a register holds where there is no element. */
export function nothing(type: ElementType): string {
  return literal(0, type);
}
