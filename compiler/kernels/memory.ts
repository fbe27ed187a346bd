// The bindings of a kernel: which value each holds, how its elements lie in words, loads and stores of single elements.
//
// A 32-bit tensor is an array of its type, or of `vec4` where every access proves to be part of an aligned group of four
// (`wide`). 16-bit floats lie two in a u32 and four in a vec2<u32>; they are f32 in registers and rounded by the store. An
// output over an input is one binding. Bindings that the text never touches do not exist. A value that lies in several windows has a
// binding for each; an access whose window is not known when the text is written goes through a function that finds it.
import { bytesOf, sizeOf, type ElementType, type TensorType } from "../ir/graph.ts";
import { halves, literal } from "../ops/wgsl.ts";
import type { KernelBinding } from "../plan/plan.ts";
import { add, aligned, constant, dot, stridesOf, unravel, type Index } from "./index.ts";
import type { BoundValue, Layouts } from "./kernel.ts";
import type { Writer } from "./writer.ts";

interface Binding {
  readonly name: string;
  readonly value: BoundValue;
  readonly type: ElementType;
  readonly strides: readonly number[];
  /** Elements of a slice of the first axis. */
  readonly slice: number;
  wide: boolean;
  readonly windows: readonly Window[];
}

/** What one binding of the text holds of a value: elements with their strides, from one up to another. */
interface Window {
  readonly name: string;
  readonly from: number;
  readonly to: number;
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
    const make = (
      name: string,
      value: BoundValue,
      type: TensorType,
      stride: number | undefined,
      cuts: readonly number[] = [],
    ): Binding => {
      const strides = along(type, stride);
      const elements = touched(type.shape, strides);
      const wide = elements % 4 === 0 && (strides[0] ?? 0) % 4 === 0 && !narrow.has(name);
      const slice = stridesOf(type.shape)[0] ?? 1;
      const windows = windowsOf(name, elements, cuts);
      return { name, value, type: type.type, strides, slice, wide, windows };
    };
    const written = outputs.map((type, output) => {
      const input = layouts.inPlace.find(([over]) => over === output)?.[1];
      const name = input === undefined ? `out${output}` : `both${output}`;
      const cuts = layouts.outputCuts?.[output];
      return make(name, { input, output }, type, layouts.outputStrides[output], cuts);
    });
    this.#outputs = written;
    this.#inputs = inputs.map((type, input) => {
      const over = shared.get(input);
      const both = over === undefined ? undefined : written[over];
      const stride = layouts.inputStrides[input];
      const cuts = layouts.inputCuts?.[input];
      const binding = both ?? make(`in${input}`, { input, output: undefined }, type, stride, cuts);
      return { binding, strides: along(type, stride) };
    });
  }

  /** One element as a register value: a name or a component. */
  load(writer: Writer, input: number, coordinates: readonly Index[]): string {
    const { binding, strides } = this.#input(input);
    const whole = dot(coordinates, strides);
    this.loaded.push({ input, address: whole });
    const { address, at: word } = this.#reading(binding, whole);
    const parts = writer.namesOf(address);
    // What stands at one place for a whole kernel, such as a scalar of the step, comes from the cache after the first time.
    const times = parts.length === 0 ? 1 : writer.timesOf(parts);
    this.loads.set(input, (this.loads.get(input) ?? 0) + times);
    const { name, type } = binding;
    const is16 = bytesOf[type] === 2;
    const once = (part: Index): string => this.#word(writer, word(writer.index(part)), word(part.key), parts);
    if (binding.wide) {
      const group = aligned(address, 4);
      if (group !== undefined) {
        const four = once(group.part);
        const lane = group.offset;
        return is16
          ? half(writer, `${four}.${LANES[lane >> 1] ?? "x"}`, lane & 1, type)
          : `${four}.${LANES[lane] ?? "x"}`;
      }
      this.narrow.add(name);
      const at = writer.index(address);
      if (!is16) return writer.define("x", `${word(`${at} / 4u`)}[${at} % 4u]`, parts);
      const two = writer.define("w", `${word(`${at} / 4u`)}[(${at} / 2u) % 2u]`, parts);
      return anyHalf(writer, two, at, parts, type);
    }
    if (!is16) return once(address);
    const pair = aligned(address, 2);
    if (pair !== undefined) return half(writer, once(pair.part), pair.offset, type);
    const at = writer.index(address);
    const two = writer.define("w", word(`${at} / 2u`), parts);
    return anyHalf(writer, two, at, parts, type);
  }

  /**
   * Stores elements of an output, one for each list of coordinates. 16-bit elements come in pairs that share a word.
   * `consecutive`: the caller knows that they follow each other from the first. `counted`: the same elements as they are counted from the
   * value's first, where the caller knows that: rows of odd lengths hide in coordinates which elements are pairs.
   */
  store(
    writer: Writer,
    output: number,
    coordinates: readonly (readonly Index[])[],
    values: readonly string[],
    consecutive: boolean = false,
    counted: readonly Index[] = [],
  ): void {
    const binding = this.#outputs[output];
    if (binding === undefined) throw new RangeError(`no output ${output}`);
    const { name, strides, slice, type } = binding;
    const places = coordinates.map((place) => dot(place, strides));
    for (const address of places) this.stored.push({ output, address });
    const is16 = bytesOf[type] === 2;
    const addresses =
      is16 && counted.length > 0 ? counted.map((at) => placed(at, slice, strides[0] ?? 1)) : places;
    const [origin] = addresses;
    if (origin === undefined) throw new RangeError(`nothing to store in output ${output}`);
    const inOrder =
      consecutive || addresses.every((address, lane) => address.key === add(origin, constant(lane)).key);
    const { address: start, put } = this.#writing(binding, origin);
    const group = inOrder && values.length === 4 ? aligned(start, 4) : undefined;
    if (binding.wide && group?.offset === 0) {
      const at = writer.index(group.part);
      const [a = "", b = "", c = "", d = ""] = values;
      if (!is16) writer.line(put(at, `vec4<${type}>(${a}, ${b}, ${c}, ${d})`));
      else writer.line(put(at, `vec2<u32>(${this.#pack(type, a, b)}, ${this.#pack(type, c, d)})`));
      return;
    }
    if (binding.wide) this.narrow.add(name);
    if (!is16) {
      addresses.forEach((each, lane) => {
        const { address, put } = this.#writing(binding, each);
        writer.line(put(writer.index(address), values[lane] ?? ""));
      });
      return;
    }
    const pair = aligned(start, 2);
    if (!inOrder || pair?.offset !== 0)
      throw new RangeError(`a 16-bit element of output ${output} stored alone`);
    for (let lane = 0; lane < values.length; lane += 2) {
      const at = writer.index(add(pair.part, constant(lane / 2)));
      writer.line(put(at, this.#pack(type, values[lane] ?? "0.0f", values[lane + 1] ?? "0.0f")));
    }
  }

  /** Where an element is read: its address in the window that holds it, and the text of a word there; or in the whole value. */
  #reading(
    binding: Binding,
    address: Index,
  ): { readonly address: Index; readonly at: (index: string) => string } {
    const { name, windows } = binding;
    const window = windowAt(windows, address);
    if (window !== undefined) {
      window.reads = true;
      return { address: add(address, constant(-window.from)), at: (index) => `${window.name}[${index}]` };
    }
    for (const each of windows) each.reads = true;
    const { type, each } = wordOf(binding);
    const found = windows.map(({ name, from }, place) => {
      const local = from === 0 ? "at" : `at - ${from / each}u`;
      const to = windows[place + 1]?.from;
      return to === undefined
        ? `  return ${name}[${local}];`
        : `  if (at < ${to / each}u) { return ${name}[${local}]; }`;
    });
    this.functions.add([`fn load_${name}(at: u32) -> ${type} {`, ...found, "}"].join("\n"));
    return { address, at: (index) => `load_${name}(${index})` };
  }

  /** The same for what is written. */
  #writing(
    binding: Binding,
    address: Index,
  ): { readonly address: Index; readonly put: (index: string, value: string) => string } {
    const { name, windows } = binding;
    const window = windowAt(windows, address);
    if (window !== undefined) {
      window.writes = true;
      const put = (index: string, value: string): string => `${window.name}[${index}] = ${value};`;
      return { address: add(address, constant(-window.from)), put };
    }
    for (const each of windows) each.writes = true;
    const { type, each } = wordOf(binding);
    const found = windows.map(({ name, from }, place) => {
      const local = from === 0 ? "at" : `at - ${from / each}u`;
      const to = windows[place + 1]?.from;
      return to === undefined
        ? `  ${name}[${local}] = value;`
        : `  if (at < ${to / each}u) { ${name}[${local}] = value; return; }`;
    });
    this.functions.add([`fn store_${name}(at: u32, value: ${type}) {`, ...found, "}"].join("\n"));
    return { address, put: (index, value) => `store_${name}(${index}, ${value});` };
  }

  declarations(): string {
    return this.#used()
      .map(
        ([binding, { name }], index) =>
          `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<${wordOf(binding).type}>;`,
      )
      .join("\n");
  }

  bindings(): readonly KernelBinding[] {
    return this.#used().map(([binding, { name, reads, writes, ...window }]) => ({
      name,
      access: "read_write",
      reads,
      writes,
      bytes: bytesIn(binding, window),
    }));
  }

  values(): readonly BoundValue[] {
    return this.#used().map(([binding, window]) => {
      const { value, type, windows } = binding;
      if (windows.length === 1) return value;
      return { ...value, window: { offset: window.from * bytesOf[type], bytes: bytesIn(binding, window) } };
    });
  }

  #used(): readonly (readonly [Binding, Window])[] {
    const read = this.#inputs.map(({ binding }) => binding).filter(({ value }) => value.output === undefined);
    return [...read, ...this.#outputs].flatMap((binding) =>
      binding.windows
        .filter(({ reads, writes }) => reads || writes)
        .map((window) => [binding, window] as const),
    );
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

function windowsOf(name: string, elements: number, cuts: readonly number[]): readonly Window[] {
  return [0, ...cuts].map((from, at) => ({
    name: cuts.length === 0 ? name : `${name}_${at}`,
    from,
    to: cuts[at] ?? elements,
    reads: false,
    writes: false,
  }));
}

/** The window that holds an element for certain. */
function windowAt(windows: readonly Window[], { least, most }: Index): Window | undefined {
  const [only, ...others] = windows;
  if (others.length === 0) return only;
  return windows.find(({ from, to }) => least >= from && most < to);
}

/** The type of a binding's words, and how many elements one holds. */
function wordOf({ type, wide }: Binding): { readonly type: string; readonly each: number } {
  if (bytesOf[type] === 2) return wide ? { type: "vec2<u32>", each: 4 } : { type: "u32", each: 2 };
  return wide ? { type: `vec4<${type}>`, each: 4 } : { type, each: 1 };
}

function bytesIn({ type }: Binding, { from, to }: Pick<Window, "from" | "to">): number {
  return Math.ceil(((to - from) * bytesOf[type]) / 4) * 4;
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

/** The address of an element that is counted from the first, where slices of so many elements lie a stride apart. */
function placed(counted: Index, slice: number, stride: number): Index {
  if (slice === stride) return counted;
  return dot(unravel(counted, [Math.ceil((counted.most + 1) / slice), slice]), [stride, 1]);
}
